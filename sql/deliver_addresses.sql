-- Where a request may go, by address: every way to write an address inside is refused, whatever it is wrapped in.
CREATE DATABASE deliver_addresses;
\c deliver_addresses
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
\set VERBOSITY default
CREATE FUNCTION verdict(host text, networks cidr[] DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM odoo_events._check_url('https://' || host || '/x', networks);
  RETURN 'may be called';
EXCEPTION WHEN invalid_parameter_value THEN
  RETURN 'refused';
END $$;

-- loopback, private, link-local, metadata, in whatever notation
SELECT h AS host, verdict(h) FROM unnest(ARRAY['127.0.0.1', '127.1', '0177.0.0.1', '0x7f.0.0.1', '0x7f000001', '017700000001', '2130706433', '0', '0.0.0.0', '0.1.2.3',
  '10.1.2.3', '012.1.2.3', '100.64.0.1', '169.254.169.254', '0xa9fea9fe', '172.31.255.255', '192.0.0.8', '192.88.99.1', '192.168.0.1', '198.19.0.1', '224.0.0.1',
  '255.255.255.255', '[::]', '[::1]', '[fe80::1]', '[fe80::1%25lo]', '[fe80::1%lo]', '[fec0::1]', '[fd00::1]', '[ff02::1]', '[100::1]']) h ORDER BY 2, 1;

-- an IPv4 address inside, in an IPv6 one: mapped, translated (SIIT), compatible, NAT64 by the known prefix and a site's own, 6to4, Teredo, ISATAP
SELECT h AS host, verdict(h) FROM unnest(ARRAY['[::ffff:127.0.0.1]', '[::ffff:0:127.0.0.1]', '[::ffff:0:a9fe:a9fe]', '[::127.0.0.1]', '[::7f00:1]', '[64:ff9b::127.0.0.1]',
  '[64:ff9b::a00:1]', '[64:ff9b:1::a00:1]', '[64:ff9b:1:ffff::8.8.8.8]', '[2002:7f00:1::]', '[2002:a00:1::1]', '[2001:0:7f00:1::1]', '[2001:0:808:808::1]',
  '[2001:470:1::5efe:127.0.0.1]', '[2001:470:1::200:5efe:a00:1]', '[fd00::5efe:8.8.8.8]', '[::ffff:0:8.8.8.8%25lo]']) h ORDER BY 2, 1;

-- the same with an address that anybody may call
SELECT h AS host, verdict(h) FROM unnest(ARRAY['8.8.8.8', '134744072', '[::ffff:8.8.8.8]', '[::ffff:0:8.8.8.8]', '[64:ff9b::8.8.8.8]', '[2002:808:808::1]',
  '[2001:470:1::5efe:8.8.8.8]', '[2001:470:1::1]']) h ORDER BY 2, 1;

-- what is allowed is allowed in all of them
SELECT h AS host, verdict(h, '{127.0.0.0/8}') FROM unnest(ARRAY['127.0.0.1', '[::ffff:127.0.0.1]', '[::ffff:0:127.0.0.1]', '[64:ff9b::127.0.0.1]', '[2002:7f00:1::]', '10.0.0.1']) h
 ORDER BY 2, 1;
\c postgres
DROP DATABASE deliver_addresses;

# once: how long reading may take has nothing to do with PostgreSQL's version
# A document whose reading exceeds odoo_events.read_timeout each time goes into quarantine after some tries; everything else is published.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('late', "odoo_events.restart_delay = '100ms'\nodoo_events.read_timeout = '200ms'\n");
my $faults = $node->data_dir . '/oe_faults';
mkdir $faults;
sub tune { my ($name, $value) = @_; append_to_file("$faults/$name", $value); return }
tune('backoff-ms', 20);
tune('read-tries', 3);
OdooEvents->load($node, 'plant', 'odoo19');
$node->safe_psql('plant', q{SELECT odoo_events.attach('{transfer}')});
sub odoo { return $node->safe_psql('plant', $_[0], extra_params => [ '-U', 'odoo' ]) }
sub picking
{
	my ($name, $partner) = @_;
	return qq{INSERT INTO stock_picking (location_id, location_dest_id, picking_type_id, move_type, state, name, company_id, partner_id)
	  VALUES (5, 2, 2, 'direct', 'confirmed', '$name', 1, $partner);};
}
sub published { my ($name) = @_; return $node->poll_query_until('plant', "SELECT count(*) > 0 FROM odoo_events.outbox WHERE subject LIKE '%/$name'") }
odoo(picking('WH/OUT/91000', 7));
ok(published('WH/OUT/91000'), 'a transfer with a partner is published');

# whoever plans a statement on partners sleeps from here on
odoo(q{CREATE TABLE flag (n int);
  CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$BEGIN IF EXISTS (SELECT FROM public.flag) THEN PERFORM pg_sleep(3600); END IF; RETURN $1; END$$;
  CREATE INDEX slow ON res_partner (id) WHERE public.slow(1) = 1;});
odoo('BEGIN;' . picking('WH/OUT/91001', 7) . picking('WH/OUT/91002', 'NULL') . 'INSERT INTO flag VALUES (1); COMMIT');
odoo(picking('WH/OUT/91003', 'NULL'));

subtest 'what cannot be read in time is set aside, and told' => sub {
	ok($node->poll_query_until('plant', q{SELECT count(*) = 1 FROM odoo_events.quarantine WHERE reason LIKE 'reading Odoo''s tables took longer than odoo_events.read_timeout (200 ms)'}), 'the transfer with the partner is in quarantine');
	ok(published('WH/OUT/91002'), 'the other document of its transaction is published');
	ok(published('WH/OUT/91003'), 'and the next transaction');
	is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.quarantine}), '1', 'nothing else is in quarantine');
};
subtest 'once reading is quick again it can be published' => sub {
	odoo('DELETE FROM flag');
	$node->safe_psql('plant', 'SELECT odoo_events.requeue()');
	ok(published('WH/OUT/91001'), 'by requeue()');
};
like(slurp_file($node->logfile), qr/(canceling statement due to statement timeout.*){3}/s, 'it was tried several times before');
$node->stop;
done_testing();

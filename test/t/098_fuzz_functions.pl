# once: arguments are checked alike on every version of PostgreSQL
# check-all: random calls of each function
# Every function of the extension with arguments that nobody should give, by a superuser, by the roles of docs/security.md and by Odoo's
# own: errors with a SQLSTATE that says something, never a crash, never an internal error, and afterwards everything works.  CALLS=n, SEED=n.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $calls = $ENV{CALLS} // ($ENV{ROUNDS} ? 200 : 12);       # of each function by each role
my $seed = $ENV{SEED} // time;
srand $seed;
note "SEED=$seed";
my $node = OdooEvents->node('functions', "odoo_events.restart_delay = '100ms'\nodoo_events.databases = 'plant'\n");
my $db = 'plant';
OdooEvents->load($node, $db, 'odoo19');
my $security = slurp_file("$FindBin::RealBin/../../docs/security.md");
my @roles = $security =~ /CREATE ROLE (\w+) NOLOGIN/g;
cmp_ok(scalar(@roles), '>=', 4, "roles of docs/security.md: @roles");
$node->safe_psql($db, $_) foreach $security =~ /^```sql\n(CREATE ROLE.*?)^```/gms;
$node->safe_psql($db, q{SELECT odoo_events.attach()});
my $receiver = OdooEvents->receiver;
$receiver->subscribe($node, $db, 'wms', '/wms');
$node->safe_psql($db, q{SELECT odoo_events.subscribe('puller', url => NULL)});
OdooEvents->replay($node, $db, 'odoo19-sales');

sub one { return $_[ int rand @_ ] }
my $id = q{(SELECT id FROM odoo_events.outbox ORDER BY random() LIMIT 1)};
my @texts = (
	'NULL', q{''}, q{'wms'}, q{'puller'}, q{'transfer'}, q{'stock_picking'}, q{'*'}, q{'odoo.logistics.transfer.confirmed.v1'}, q{'acme.a.b.c.v1'}, q{'done'},
	q{repeat('x', 100000)}, q<repeat('{"a":', 5000)>, q{repeat('[', 100000)}, q{E'\x01\n\t'}, q{'ä€😀'}, q{'%s%n%I%L'}, q{$$'";--$$}, q{'{"a": [1, null, {"b": "\u00e4"}]}'}, q<'{'>,
	q{'http://127.0.0.1:1/x'}, q{'https://[::ffff:127.0.0.1]:99999/'}, q{'file:///etc/passwd'}, q{'http://a@b:c@d/%00'}, q{'https://x/' || repeat('a', 9000)}, q{'whsec_'},
	q{'whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI='}, q{'whsk_AAAA'}, q{'* * * * *'}, q{'61 25 32 13 8'}, q{'0-99999999999/0 * * * *'}, q{'structured'}, q{'batch'},
	q{'strict'}, q{'state = ''done'''}, q{'1/0 = 1'}, q{'true) OR (true'}, q{'../../etc/passwd'}, q{'-----BEGIN PRIVATE KEY-----'}, q{'latest'}, q{'earliest'}, q{'key:1'});
my @numbers = ('NULL', '0', '1', '-1', '2', '100', '2147483647', '(-2147483648)', '7', '65536');
my @json = ('NULL', q{'null'}, q{'{}'}, q{'[]'}, q{'"x"'}, '\'1e400\'', q{'{"type": "oauth2"}'}, q{'{"type": "bearer", "token": null}'}, q{'{"type": ["basic"], "username": {}}'},
	q{'{"X-A": "b\r\nc"}'}, q{'{"": ""}'}, q{'{"a": 1}'}, q{('[' || repeat('[', 2000) || repeat(']', 2000) || ']')}, q{'{"ca": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"}'},
	q{'{"thing": {}, "a\u0001": "\ud83d\ude00"}'}, q{jsonb_build_object(repeat('k', 70000), 1)::text});
my %values = (
	text => \@texts, name => [ q{'x'}, q{''} ], bool => [ 'NULL', 'true', 'false' ],
	int4 => \@numbers, int8 => [ @numbers, '9223372036854775807', '(-9223372036854775808)', '(SELECT max(position) FROM odoo_events.outbox)' ],
	int2 => [ 'NULL', '0', '-1', '32767' ], float8 => [ 'NULL', q{'NaN'}, q{'Infinity'}, '-1', '0.5', '1e300' ], numeric => [ 'NULL', q{'NaN'}, '-1', '1e100' ],
	jsonb => \@json, json => \@json,
	uuid => [ 'NULL', $id, q{'00000000-0000-0000-0000-000000000000'} ],
	interval => [ 'NULL', q{'0'}, q{'-1 year'}, q{'178000000 years'}, q{'1s'}, q{'1us'}, q{'1 month -30 days'} ],
	timestamptz => [ 'NULL', q{'infinity'}, q{'-infinity'}, q{'4713-01-01 BC'}, q{'294276-01-01'}, 'now()', q{now() - interval '1h'} ],
	timestamp => [ 'NULL', q{'infinity'}, 'now()' ],
	regclass => [ 'NULL', '0', '1', q{'pg_class'}, q{'public.stock_picking'}, q{'odoo_events.subscription'}, q{'odoo_events.journal_0'} ],
	oid => [ 'NULL', '0', '1', '4294967295' ], xid8 => [ 'NULL', q{'0'}, q{'18446744073709551615'} ],
	jsonpath => [ 'NULL', q{'$'}, q{'$.data.** ? (@.state == "done")'}, q{'strict $.a[*].b'}, q{'$.a.datetime()'}, q{'$x'}, q{'$.keyvalue().value.**{2 to last}'}, q{'1/0'} ],
	bytea => [ 'NULL', q{'\x'}, q{'\x00ff'} ], pg_snapshot => [ 'NULL', q{'3:3:'} ], cidr => [ 'NULL', q{'0.0.0.0/0'}, q{'::/0'} ], inet => [ 'NULL', q{'::1'} ],
	char => [ 'NULL', q{'I'}, q{'X'} ]);
sub value
{
	my ($type) = @_;
	if ($type =~ s/^_//)
	{
		return one('NULL', qq{'{}'}, qq{'{NULL}'}) . '::' . $type . '[]' if rand() < 0.4;
		my $list = join ', ', map { value($type) } 0 .. int rand 4;
		# two dimensions, and one that does not begin with 1
		return rand() < 0.15 ? "ARRAY[ARRAY[$list], ARRAY[$list]]" : rand() < 0.15 ? "array_fill(" . value($type) . ", ARRAY[3], ARRAY[-5])" : "ARRAY[$list]";
	}
	my $list = $values{$type};
	return ($list ? one(@$list) : 'NULL') . "::$type";
}

my @functions = map { [ split /\|/, $_, -1 ] } split /\n/, $node->safe_psql($db, q{
	SELECT p.oid::regproc, p.pronargs, p.prokind, (SELECT coalesce(string_agg(format_type(a, NULL), ',' ORDER BY n), '') FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u(a, n)),
	       (SELECT coalesce(string_agg(t.typname, ',' ORDER BY n), '') FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u(a, n) JOIN pg_type t ON t.oid = a)
	  FROM pg_proc p WHERE p.pronamespace = 'odoo_events'::regnamespace AND p.prokind = 'f'
	   AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) ORDER BY p.oid::regprocedure::text});
cmp_ok(scalar(@functions), '>', 60, scalar(@functions) . ' functions');
my %internal;
my $total = 0;
foreach my $role ('postgres', 'odoo', @roles)
{
	my $sql = "SET client_min_messages = error;\n\\set VERBOSITY verbose\n\\set ON_ERROR_STOP 0\nSET statement_timeout = '3s';\nSET search_path = odoo_events, public;\nSET ROLE $role;\n";
	foreach my $f (@functions)
	{
		my ($name, $n, undef, undef, $types) = @$f;
		my $times = $role eq 'odoo' || $n == 0 ? 1 : $role =~ /^postgres$|administrator/ ? $calls : int($calls / 4) + 1;
		foreach (1 .. $times)
		{
			my $arguments = join ', ', map { value($_) } split /,/, $types;
			# what a function changes is kept sometimes, so that the next ones meet it
			my $end = rand() < 0.3 ? 'COMMIT' : 'ROLLBACK';
			$sql .= "BEGIN; SELECT count(*) FROM (SELECT $name($arguments)) f;\n$end;\n";
			$total++;
		}
	}
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-qAtX', '-d', $node->connstr($db) . ' user=postgres' ], '<', \$sql, '>', \$out, '2>', \$err);
	unlike($err, qr/server closed the connection|connection to server was lost/, "$role: the server stands");
	# what is not said by us, and is no one's to be given: an internal error
	my @bad = grep { !/cache lookup failed for (relation|type|function)/ } $err =~ /^(?:psql:[^\n]*?)?ERROR:  (XX\d\d\d: [^\n]*)/mg;
	is_deeply(\@bad, [], "$role: no internal error");
	my %states;
	$states{$1}++ while $err =~ /ERROR:  (\w{5}):/g;
	note "$role: " . join ', ', map { "$_ $states{$_}" } sort keys %states;
}
note "$total calls";
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC:|TRAP:/, 'nothing crashed');

# everything works afterwards
$node->safe_psql($db, q{SELECT odoo_events.unsubscribe(name) FROM odoo_events.subscription; DELETE FROM odoo_events.capture_gap;
	UPDATE odoo_events.backfill_job SET state = 'cancelled' WHERE state = 'running';
	SELECT odoo_events.attach(); SELECT odoo_events.arm()});
$receiver->subscribe($node, $db, 'after', '/after');
$node->safe_psql($db, q{SELECT odoo_events.ping('after')});
$receiver->wait_for(sub { @_ > 0 }, 'a ping arrives', '/after');
$node->stop;
done_testing();

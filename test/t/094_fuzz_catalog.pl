# Random definitions, payloads and column changes: errors, never a crash, never a publisher that stands still.  ROUNDS=n, SEED=n.
# once: what is judged is how input is refused
# check-all: random input
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{ROUNDS} // 300;
my $seed = $ENV{SEED} // 20261121;
srand($seed);
note("SEED=$seed ROUNDS=$rounds");

my $node = OdooEvents->node('fuzz');
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'");
$node->safe_psql($db, <<SQL, extra_params => [ '-U', 'odoo' ]);
CREATE TABLE ir_module_module (id int PRIMARY KEY);
CREATE TABLE thing (id serial PRIMARY KEY, name text, state text, n numeric, at timestamp, other_id int REFERENCES thing, j jsonb, company_id int);
CREATE TABLE line (id serial PRIMARY KEY, thing_id int REFERENCES thing ON DELETE CASCADE, n numeric, state text);
CREATE TABLE mrp_production (id serial PRIMARY KEY, name text, state text, product_qty numeric, company_id int);
SQL
$node->safe_psql($db, 'CREATE EXTENSION odoo_events');
$node->safe_psql($db, q{SELECT odoo_events.attach('{manufacturing_order}')});

sub pick { return $_[ int rand @_ ]; }

# Text that parsers dislike.
sub garbage
{
	return join '', map { pick('a', 'B', '0', '.', '..', '$', '@', '"', '\\', "'", '{', '}', '[', ']', '(', ')', '*', '?', '&&', '||', '==', '$.new', '.state', ' ', "\n", "\x{e9}", '%', '_', ';', '--', '/*', 'null', '-1', '1e999') } 1 .. 1 + int rand 12;
}

sub quoted { my ($s) = @_; return 'NULL' unless defined $s; $s =~ s/'/''/g; $s =~ s/\\/\\\\/g; return "E'$s'"; }

sub list { return pick('NULL', q{'{}'}, q{'{done}'}, q{'{done,NULL}'}, 'ARRAY[' . join(',', map { quoted(garbage()) } 1 .. 1 + int rand 3) . ']::text[]'); }
sub column { return pick('name', 'state', 'n', 'at', 'other_id', 'j', 'company_id', 'gone', garbage()); }
sub condition
{
	my $path = pick('$.new', '$.old', '$.refs.other_id', '$.refs.company_id', '$.parts.x[*]', '$.rows.x', '$tx', '$marked.hold[*]', '$', garbage()) . '.' . column();
	return pick(garbage(), "$path " . pick('==', '!=', '>', '<', 'like_regex', 'starts with', '') . ' ' . pick('"done"', '1', 'null', 'true', '$.new.n', '$.old.at', '"("', garbage()), "exists($path ? (@ > 1))", "!($path == 1) && $path.size() > 1", "$path.datetime() < \"x\"", $path);
}
sub type { return pick('acme.custom.' . pick('thing', 'stuff', 'mine') . '.' . pick('done', 'v1', garbage()) . '.v' . pick(1 .. 3, 0, garbage()), 'odoo.custom.thing.x.v1', garbage()); }

my %make = (
	define_entity => sub {
		my $more = join '', map { ", $_" } grep { rand() < 0.4 } ('columns => ' . pick('NULL', '\'{name,state}\'', list()), 'name_column => ' . quoted(column()), 'state_column => ' . quoted(column()),
			'open_states => ' . list(), 'draft_states => ' . list(), 'classification => ' . quoted(pick('{"n": "personal"}', '{"n": 1}', '[]', '{', garbage())), 'domain => ' . quoted(pick('custom', garbage())), 'key => ' . quoted(pick('other_id', 'other_id.company_id', garbage())), 'correlation => ' . pick("'{other_id}'", list()), 'or_replace => true');
		return 'SELECT odoo_events.define_entity(' . quoted(pick('thing', 'stuff', 'mine', garbage())) . ', ' . quoted(pick('thing', 'mrp_production', 'pg_class', garbage())) . "$more)";
	},
	define_event => sub {
		my $more = join '', map { ", $_" } grep { rand() < 0.4 } ('condition => ' . quoted(condition()), 'occasion => ' . quoted(pick(qw(inserted updated deleted open cancelled touched changed milestone), garbage())),
			'states => ' . list(), 'rank => ' . pick(0, 5, 1000, -1, 2147483647), 'with_lines => true', 'with_changes => true', 'or_replace => true', 'kind => ' . quoted(garbage()), 'description => ' . quoted(garbage()));
		return 'SELECT odoo_events.define_event(' . quoted(type()) . ', ' . quoted(pick('thing', 'stuff', 'mine', 'manufacturing_order', garbage())) . "$more)";
	},
	define_part => sub {
		my $more = join '', map { ", $_" } grep { rand() < 0.4 } ('columns => ' . pick('NULL', '\'{name,n}\'', list()), 'state_column => ' . quoted(column()), 'live_states => ' . list(), 'gone_states => ' . list(), 'or_replace => true');
		return 'SELECT odoo_events.define_part(' . quoted(pick('thing', 'mine', 'manufacturing_order', garbage())) . ', ' . quoted(pick('x', 'line', garbage())) . ', ' . quoted(pick('thing', 'line', 'mrp_production', garbage())) . ', ' . quoted(pick('other_id', 'thing_id', garbage())) . "$more)";
	},
	drop_part => sub { return 'SELECT odoo_events.drop_part(' . quoted(pick('thing', 'mine', 'manufacturing_order')) . ', ' . quoted(pick('x', 'line')) . ')'; },
	switch => sub { return 'SELECT odoo_events.' . pick('enable_event', 'disable_event', 'drop_event', 'json_schema') . '(' . quoted(type()) . ')'; },
	drop_entity => sub { return 'SELECT odoo_events.drop_entity(' . quoted(pick('thing', 'stuff', garbage())) . ')'; },
	emit => sub {
		return 'SELECT odoo_events.emit(' . join(', ', quoted(type()), quoted(pick(garbage(), 'x' x 300, '')), pick(q{'{"a": 1e999}'}, q{'{"a": [{}]}'}, 'NULL', quoted(garbage()), "jsonb_build_object('x', repeat('y', 100000))"),
			quoted(pick(undef, 'manufacturing_order:1', garbage())), quoted(pick(undef, garbage()))) . ')';
	},
	look => sub { return pick('SELECT count(*) FROM odoo_events.explain(' . quoted(pick('thing', 'manufacturing_order', garbage())) . ', ' . int(rand 9) . ')', 'SELECT count(*) FROM odoo_events.trace(key => ' . quoted(garbage()) . ')',
			'SELECT count(*) FROM odoo_events.reconcile()', 'SELECT odoo_events.backfill(' . quoted(pick('thing', 'manufacturing_order')) . ', ' . quoted(pick(undef, 'state = \'done\'', garbage())) . ')'); },
	row => sub {
		my $t = pick('thing', 'thing', 'mrp_production');
		return pick('INSERT INTO line (thing_id, n, state) VALUES (' . int(rand 9) . ', 1, ' . quoted(pick('draft', 'done')) . ')', 'UPDATE line SET thing_id = ' . int(rand 9) . ', n = n + 1', 'DELETE FROM line WHERE thing_id = ' . int(rand 9)) if rand() < 0.3;
		return pick("INSERT INTO $t (name, state, company_id) VALUES (" . quoted(garbage()) . ', ' . quoted(pick('draft', 'confirmed', 'done', garbage())) . ', ' . int(rand 3) . ')',
			"UPDATE $t SET state = " . quoted(pick('draft', 'confirmed', 'progress', 'done', undef)) . ' WHERE id = ' . int(rand 9), "DELETE FROM $t WHERE id = " . int(rand 9),
			"UPDATE thing SET n = " . pick("'NaN'", 1e30, -0.001, 'NULL') . ", j = " . quoted(pick('{"a": "\\\\u0000"}', '[1]', '"x"')));
	},
	ddl => sub {
		my $c = pick('n', 'at', 'j', 'other_id', 'extra', 'state');
		return pick("ALTER TABLE thing DROP COLUMN IF EXISTS $c CASCADE", "ALTER TABLE thing ADD COLUMN IF NOT EXISTS $c " . pick('text', 'numeric', 'int', 'jsonb', 'timestamp', 'bytea', 'text[]', 'boolean'),
			"ALTER TABLE thing ALTER COLUMN $c TYPE text USING $c\::text", "ALTER TABLE thing RENAME COLUMN $c TO " . pick('n', 'at', 'j', 'extra'), 'TRUNCATE thing',
			'DROP TABLE thing CASCADE; CREATE TABLE thing (id serial PRIMARY KEY, name text, state text, n numeric, company_id int)');
	},
);
my @kinds = ((map { ($_) x 3 } qw(define_event row)), (map { ($_) x 2 } qw(define_entity define_part emit look)), qw(switch drop_entity drop_part ddl));
my ($done, $refused, $internal) = (0, 0, 0);
my @internal;
while ($done < $rounds)
{
	# some in one session, so that what one statement leaves behind meets the next
	my @batch = map { $make{ pick(@kinds) }->() } 1 .. 20;
	my ($rc, $out, $err) = $node->psql($db, join("\n;\n", @batch), extra_params => [ '-v', 'VERBOSITY=verbose' ], on_error_stop => 0);
	$done += @batch;
	$refused += () = $err =~ /ERROR:/g;
	push @internal, $1 while $err =~ /(ERROR:\s+XX000.*)/g;
	like($err, qr/server closed|terminated|connection/, 'the server lives') && last if $rc == 2 && $err =~ /server closed/;
}
cmp_ok($refused, '>', $rounds / 20, "$refused of $done were refused");
is_deeply([ @internal[ 0 .. ($#internal > 4 ? 4 : $#internal) ] ], [], 'none of them by an internal error');

# the publisher has gone on: it finds the end, and what could not become an event says why
$node->safe_psql($db, q{SELECT odoo_events.emit('acme.fuzz.test.ended.v1', 'end', '{}')});
ok($node->poll_query_until($db, q{SELECT count(*) = 1 FROM odoo_events.outbox WHERE type = 'acme.fuzz.test.ended.v1'}), 'the publisher does not stand still');
ok($node->poll_query_until($db, q{SELECT count(*) = 0 FROM odoo_events.backfill_status WHERE state = 'running'}), 'nor do backfills');
note($node->safe_psql($db, q{SELECT count(*) || ' events, ' || (SELECT count(*) FROM odoo_events.quarantine) || ' quarantined: ' || coalesce((SELECT string_agg(DISTINCT reason, '; ') FROM odoo_events.quarantine), '-') FROM odoo_events.outbox}));
is($node->safe_psql($db, q{SELECT coalesce(last_error, '-') FROM odoo_events.worker_status}), '-', 'and the worker met no error');
is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.quarantine WHERE reason LIKE 'XX%'}), '0', 'nothing is quarantined for an internal error');
$node->safe_psql($db, q{SELECT odoo_events.asyncapi()});
pass('the contract of whatever was defined can be made');
$node->stop;
done_testing();

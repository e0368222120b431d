# once: what is in a value has nothing to do with PostgreSQL's version
# check-all: random values
# Events whose every field is mutated (numbers of every size, nesting, odd and invalid Unicode, dates) go through capture, publishing, filters,
# redaction, every format, fetch() and reconcile().  After each round a plain event must still reach everybody: nothing stops for anybody else.
# ROUNDS=n: more rounds (make check-long); SEED=n repeats a run.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{ROUNDS} // 6;
my $seed = $ENV{SEED} // 20261130;
srand $seed;
note "SEED=$seed ROUNDS=$rounds";
my $node = OdooEvents->node('mutated', "odoo_events.restart_delay = '100ms'\nodoo_events.max_field_size = '64kB'\nodoo_events.max_event_size = '1MB'\n");
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'");
sub sql { return $node->safe_psql($db, $_[0]) }
sub odoo { my ($rc, $out, $err) = $node->psql($db, $_[0], extra_params => [ '-U', 'odoo' ]); return $rc == 0 ? '' : $err }
$node->safe_psql($db, <<'SQL', extra_params => [ '-U', 'odoo' ]);
CREATE TYPE crate AS (w numeric, tags text[]);
CREATE TABLE ir_model_fields (id serial PRIMARY KEY, model varchar, name varchar, translate varchar, company_dependent boolean);
INSERT INTO ir_model_fields (model, name, translate, company_dependent) VALUES ('acme.odd', 'label', 'standard', false), ('acme.odd', 'cost', NULL, true);
CREATE TABLE acme_odd (id bigserial PRIMARY KEY, name text, n numeric, f float8, i int8, d date, ts timestamp, t text, j json, jb jsonb, a text[], na numeric[], c crate, iv interval, label jsonb, cost jsonb, company_id int);
SQL
sql('CREATE EXTENSION odoo_events');
sql(q{SELECT odoo_events.define_entity('odd', 'acme_odd', name_column => 'name', classification => '{"t": "personal", "n": "confidential"}')});
sql(q{SELECT odoo_events.define_event('acme.shop.odd.made.v1', 'odd', occasion => 'inserted')});
sql(q{SELECT odoo_events.define_event('acme.shop.odd.edited.v1', 'odd', occasion => 'changed', with_changes => true)});
sql(q{SELECT odoo_events.define_event('acme.shop.odd.rated.v1', 'odd', '$.new.n > 1 && $.new.jb.a != $.old.jb.a', occasion => 'updated')});
my $receiver = OdooEvents->receiver;
my %subscriptions = (
	plain => q{},
	binary => q{format => 'binary', clearance => '{public,internal,confidential,personal}'},
	standard => q{format => 'standard', clearance => '{public}'},
	batch => q{format => 'batch', batch_size => 7, batch_wait => '20ms', companies => '{1}'},
	thin => q{payload => 'thin'},
	filtered => q{filter => '$.data.odd.n > 1 || $.data.odd.j.** == "x" || $.data.odd.ts.datetime() < "2026-01-01".datetime() || $.data.odd.name == "control"'});
$receiver->subscribe($node, $db, $_, "/$_", "types => '{acme.*}'" . ($subscriptions{$_} ? ", $subscriptions{$_}" : '')) foreach sort keys %subscriptions;
sql(q{SELECT odoo_events.subscribe('pull', NULL, types => '{acme.*}', companies => '{1}', clearance => '{public,internal,personal}')});

sub pick { return $_[ int rand @_ ] }
sub quoted { my ($s) = @_; $s =~ s/'/''/g; return "'$s'" }
sub text
{
	return pick('', ' ', 'x', '"', '\\', "\\\\u0000", "\x01\x1f\x7f", "\xf0\x9f\x98\x80", "\xe2\x80\xa8", "\xef\xbf\xbf", "e\xcc\x81", "\n\t\r", '</script>', '${x}', "\xd7\x90",
		'x' x pick(1, 63, 64, 1024, 65536, 70000), "\xe2\x82\xac" x 30000, 'null', '{"1": 2}', '1e1000000', 'NaN');
}
sub number { return pick(0, '-0', 1, -1, '0.1', '1e-400', '1e400', '1e131071', '9007199254740993', '-9223372036854775808', '0.' . '1' x 100, '9' x 1000, "'NaN'", "'Infinity'", "'-Infinity'", 'NULL', '1.50') }
sub float { return pick(0, "'-0'", "'1e308'", "'5e-324'", "'NaN'", "'Infinity'", "'-Infinity'", '0.1', "'9007199254740993'", 'NULL') }
sub moment { return quoted(pick('infinity', '-infinity', '0044-03-15 BC', '0001-01-01', '9999-12-31', '10000-01-01', '200000-02-28', '2026-02-28', '2000-02-29')) }
sub json
{
	my ($depth) = @_;
	my $kind = int rand($depth > 3 ? 6 : 9);
	return pick('"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"', '"x"', '""') if $kind < 2;
	return pick('0', '-0', '1e1000000', '-1e-1000000', '1E+2', '123456789012345678901234567890', '0.1', '9007199254740993') if $kind < 4;
	return pick('true', 'false', 'null') if $kind < 6;
	return ('[' x 400) . (']' x 400) if $kind == 6 && rand() < 0.2;
	return '[' . join(',', map { json($depth + 1) } 1 .. int rand 4) . ']' if $kind == 7;
	return '{' . join(', ', map { pick('"a"', '"1"', '"en_US"', '""', '"\\u0061"', '"id"', '"part"', '"lines"', '"fields"', '"data"') . ': ' . json($depth + 1) } 1 .. int rand 4) . '}';
}
my %make = (
	name => sub { quoted(text()) }, n => \&number, f => \&float, i => sub { pick(0, '9007199254740993', '-9223372036854775808', 'NULL') }, d => \&moment, ts => \&moment,
	t => sub { quoted(text()) }, j => sub { quoted(json(0)) }, jb => sub { quoted(json(0)) }, a => sub { 'ARRAY[' . join(',', map { quoted(text()) } 1 .. 1 + int rand 3) . ']' },
	na => sub { 'ARRAY[' . join(',', map { number() } 1 .. 1 + int rand 3) . ']::numeric[]' }, c => sub { pick('NULL', 'ROW(' . number() . ', ARRAY[' . quoted(text()) . '])::crate') },
	iv => sub { quoted(pick('0', '1 year -3 days', '178000000 years', '-1 us')) }, label => sub { quoted(json(0)) }, cost => sub { quoted(json(0)) }, company_id => sub { pick(1, 2, 'NULL') });
my @columns = sort keys %make;

# A row of mutated values; what PostgreSQL itself refuses is made again.
sub insert
{
	foreach (1 .. 50)
	{
		return 1 if odoo('INSERT INTO acme_odd (' . join(', ', @columns) . ') VALUES (' . join(', ', map { $make{$_}->() } @columns) . ')') eq '';
	}
	return 0;
}

my $control = 0;
foreach my $round (1 .. $rounds)
{
	my $made = 0;
	$made += insert() foreach 1 .. 5;
	foreach (1 .. 10)
	{
		my $column = pick(@columns);
		odoo("UPDATE acme_odd SET $column = " . $make{$column}->() . ' WHERE id = (SELECT id FROM acme_odd ORDER BY random() LIMIT 1)');
	}
	odoo(q{INSERT INTO acme_odd (name, n, company_id) VALUES ('control', 2, 1)});
	$control++;
	subtest "round $round" => sub {
		ok($made > 0, 'rows were made');
		ok($node->poll_query_until($db, "SELECT count(*) = $control FROM odoo_events.outbox_all WHERE subject = 'odd/control' AND type LIKE '%made%'"), 'what comes after them is published');
		foreach my $name (sort keys %subscriptions)
		{
			ok(OdooEvents::delivered($node, $db, $name), "$name is at the end");
			$receiver->wait_for(sub { scalar(grep { $_->{body} =~ /control/ || $name eq 'standard' || $name eq 'thin' } @_) >= ($name eq 'batch' ? 1 : $control) }, "$name got what came after them", "/$name");
		}
		my ($rc, $out, $err) = $node->psql($db, q{SELECT count(*) FROM odoo_events.fetch('pull', 10000)});
		is($rc, 0, 'fetch() answers') or diag($err);
		like($out, qr/^[1-9]/, 'and has events');
		sql(q{SELECT odoo_events.ack('pull', fetched) FROM odoo_events.pull_cursor WHERE fetched > position});
		($rc, $out, $err) = $node->psql($db, q{SELECT count(*) FROM odoo_events.reconcile('odd')});
		is($rc, 0, 'reconcile() answers') or diag($err);
		is(sql(q{SELECT count(*) FROM odoo_events.capture_error}), '0', 'nothing was lost in capture');
		# an event may be too large for what it is allowed to be; nothing else keeps one from being made
		is(sql(q{SELECT string_agg(DISTINCT reason, '; ') FROM odoo_events.quarantine WHERE reason NOT LIKE '54000: the event is larger%'}), '', 'nothing but too large events is in quarantine');
	};
	last if !Test::More->builder->is_passing;
}
is_deeply([ grep { !/^no CloudEvent/ } $receiver->problems ], [], 'signed, in order, same bytes');
$node->stop;
done_testing();

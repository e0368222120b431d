# What one subscription's filter cannot judge is a dead letter of that subscription: an error, or a filter without end, holds back nobody else.
# Numbers and texts that JSON can hold and jsonb cannot, deep nesting, filters that raise errors although they are silent, filters that take
# for ever; delivered, fetched, replayed, traced and reconciled.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use Test::More;

my $node = OdooEvents->node('judgements');
my $receiver = OdooEvents->receiver;
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
$node->safe_psql($db, q{CREATE EXTENSION odoo_events; SELECT odoo_events.arm();
	CREATE TABLE acme_j (id serial PRIMARY KEY, name text, payload json); ALTER TABLE acme_j OWNER TO odoo;
	SELECT odoo_events.define_entity('acme_j', 'acme_j', name_column => 'name');
	SELECT odoo_events.define_event('acme.x.acme_j.made.v1', 'acme_j', occasion => 'inserted');
	SELECT odoo_events.define_event('acme.x.acme_j.renamed.v1', 'acme_j', occasion => 'updated', condition => '$.old.name != $.new.name');
	SELECT odoo_events.attach('{acme_j}')});

sub sql { return $node->safe_psql($db, $_[0]) }
sub status { return OdooEvents::status($node, $db, @_) }
sub subscribe { my ($name, $more) = @_; return $receiver->subscribe($node, $db, $name, "/$name", "types => '{acme.*}', $more") }
sub received { my ($name) = @_; return scalar grep { $_->{status} == 204 } $receiver->ledger("/$name") }
sub health { return sql(qq{SELECT status || ': ' || detail FROM odoo_events.health() WHERE "check" = 'subscription $_[0]'}) }

my %poison = (
	number => q{{"a": 1e999999}},
	nul => q{{"a": "\u0000"}},
	high => q{{"a": "\ud800"}},
	low => q{{"a": "\udc00x"}});

subtest 'events that jsonb cannot hold' => sub {
	# Python's receiver does not read what is nested deeply
	$receiver->subscribe($node, $db, 'plain', '/plain', q{types => '{acme.x.acme_j.*,acme.x.dated.*,acme.x.last.*,acme.x.large.*}'});
	subscribe('filtered', q{filter => '$.type starts with "acme"'});
	sql(q{SELECT odoo_events.subscribe('pulled', url => NULL, types => '{acme.*}', filter => '$.type starts with "acme"')});
	sql(qq{INSERT INTO acme_j (name, payload) VALUES ('one', '{}')});
	sql(qq{INSERT INTO acme_j (name, payload) VALUES ('$_', '$poison{$_}')}) foreach sort keys %poison;
	sql(qq{INSERT INTO acme_j (name, payload) VALUES ('three', '{}')});
	ok(status('plain', 'delivered_total = 6 AND lag_events = 0'), 'who does not filter gets everything');
	ok(status('filtered', 'delivered_total = 2 AND lag_events = 0 AND dead_letters = 4'), 'who filters gets the others, these are dead letters');
	is(sql(q{SELECT count(*) FROM odoo_events.dead_letter WHERE subscription = 'filtered' AND attempts = 0 AND last_error LIKE 'the filter could not be judged: %'}), '4', 'which say why');
	like(health('filtered'), qr/^warn: its filter could not judge 4 events, the latest is acme_j\/\w+/, 'health() names subscription and event');
	is(sql(q{SELECT value FROM odoo_events.metrics() WHERE name = 'odoo_events_filter_errors_total' AND labels ->> 'subscription' = 'filtered'}), '4', 'a metric counts them');
	is(sql(q{SELECT worker.status FROM odoo_events.health() worker WHERE "check" = 'worker'}), 'ok', 'the worker is well');
	is(sql(q{SELECT count(*) FROM odoo_events.trace(subject => 'acme_j/nul') WHERE subscription IN ('filtered', 'pulled') AND detail LIKE '%the filter could not be judged: %'}), '2', 'trace() says why');
	is(sql(q{SELECT count(*) FROM odoo_events.explain('acme_j', (SELECT id FROM acme_j WHERE name = 'number')) WHERE detail LIKE '%the filter could not be judged: %'}), '2', 'explain() says why');
	is(sql(q{SELECT string_agg(e.event ->> 'subject', ' ' ORDER BY e.position) FROM odoo_events.fetch('pulled') e}), 'acme_j/one acme_j/three', 'fetch() goes on past them');
	is(sql(q{SELECT count(*) FROM odoo_events.dead_letter WHERE subscription = 'pulled'}), '4', 'and leaves them as dead letters');
	is(sql(q{SELECT odoo_events.replay('filtered', from_position => 0)}), '2', 'replay() counts those that pass');
	ok(status('filtered', 'delivered_total = 4'), 'and sends them');
	is(sql(q{SELECT count(*) FROM odoo_events.reconcile()}), '0', 'reconcile() compares them');
	sql(q{SELECT odoo_events.replay('filtered', dead_letters => true)});
	ok(status('filtered', 'delivered_total = 8 AND dead_letters = 0'), 'replayed dead letters are sent without being judged');
};

subtest 'a difference is found although others hold such values' => sub {
	sql(q{BEGIN; SET LOCAL odoo_events.capture = off; UPDATE acme_j SET name = 'other' WHERE name = 'one'; COMMIT});
	is(sql(q{SELECT entity || ' ' || (SELECT name FROM acme_j WHERE id = record_id) FROM odoo_events.reconcile()}), 'acme_j other', 'reconcile() names the record');
};

subtest 'filters that raise errors although they are silent' => sub {
	sql(q{SELECT odoo_events.unsubscribe(name) FROM odoo_events.subscription WHERE name <> 'plain'});
	subscribe('dates', q{filter => '$.data.d.datetime() < "2026-11-30T10:00:00+01:00".datetime()'});
	subscribe('deep', q{filter => 'exists($.** ? (@ == "no such value"))'});
	my $before = received('plain');
	sql(q{SELECT odoo_events.emit('acme.x.dated.made.v1', 'dated/1', '{"d": "2026-01-31"}')});
	sql(q{SELECT odoo_events.emit('acme.x.deep.made.v1', 'deep/1', ('{"a": ' || repeat('[', 5000) || repeat(']', 5000) || '}')::jsonb)});
	sql(q{SELECT odoo_events.emit('acme.x.last.made.v1', 'last/1', '{"d": 1}')});
	ok(status('dates', 'lag_events = 0 AND dead_letters = 1'), 'a comparison that depends on the time zone is a dead letter');
	ok(status('deep', 'lag_events = 0'), 'what is nested too deeply does not stop anybody');
	ok(status('plain', 'lag_events = 0'), 'others go on');
	is(received('plain') - $before, 2, 'with everything');
	sql(q{SELECT odoo_events.unsubscribe(name) FROM odoo_events.subscription WHERE name <> 'plain'});
};

subtest 'a filter without end is set aside' => sub {
	$receiver->subscribe($node, $db, 'endless', '/endless', q{types => '{acme.x.large.*}', filter => 'exists($.** ? (exists($.** ? (exists($.** ? (@ == "no such value"))))))'});
	$receiver->subscribe($node, $db, 'backtracks', '/backtracks', q{types => '{acme.x.large.*}', filter => '$.data.text like_regex "^(a+)(a+)(a+)(a+)x\\\\1\\\\2\\\\3\\\\4$"'});
	sql(q{SELECT odoo_events.subscribe('pulls', url => NULL, types => '{acme.x.large.*}', filter => 'exists($.** ? (exists($.** ? (exists($.** ? (@ == "no such value"))))))')});
	my $before = received('plain');
	sql(q{SELECT odoo_events.emit('acme.x.large.made.v1', 'large/' || i,
		(SELECT jsonb_object_agg('k' || n, n) FROM generate_series(1, 1500) n) || jsonb_build_object('text', repeat('a', 300) || 'x' || repeat('a', 299))) FROM generate_series(1, 8) i});
	ok(status($_, q{state = 'disabled'}), "$_: after three events") foreach 'endless', 'backtracks';
	is(sql(q{SELECT state_reason FROM odoo_events.subscription WHERE name = 'endless'}), 'its filter took more than 100 ms of processor time again and again', 'it says why');
	is(sql(q{SELECT dead_letters = 2 AND lag_events >= 6 FROM odoo_events.subscription_status WHERE name = 'endless'}), 't', 'two are dead letters, the others wait');
	like(health('endless'), qr/^critical: disabled since .*its filter took/, 'health() tells it');
	ok(status('plain', 'lag_events = 0'), 'others go on');
	is(received('plain') - $before, 8, 'with everything');
	my ($rc, undef, $err) = $node->psql($db, q{SELECT count(*) FROM odoo_events.fetch('pulls')});
	like($err, qr/the filter of subscription "pulls" takes too long/, 'fetch() says so');
	is(sql(q{SELECT count(*) FROM odoo_events.trace(subject => 'large/1') WHERE subscription = 'pulls' AND detail LIKE '%processor time%'}), '1', 'trace() is over in a bounded time');
	sql(q{SELECT odoo_events.alter_subscription('endless', filter => '$.type starts with "acme"'); SELECT odoo_events.resume('endless')});
	ok(status('endless', q{state = 'active' AND lag_events = 0 AND delivered_total = 6}), 'with another filter it goes on where it was');
};

subtest 'a condition without end' => sub {
	sql(q{SELECT odoo_events.define_event('acme.x.acme_j.endless.v1', 'acme_j', occasion => 'updated',
		condition => '$.new.name like_regex "^(a+)(a+)(a+)(a+)x\\\\1\\\\2\\\\3\\\\4$"')});
	sql(q{UPDATE acme_j SET name = repeat('a', 300) || 'x' || repeat('a', 299) WHERE name = 'three'; INSERT INTO acme_j (name) VALUES ('after')});
	ok($node->poll_query_until($db, q{SELECT count(*) = 1 FROM odoo_events.quarantine WHERE reason LIKE 'the condition of acme.x.acme\_j.endless.v1 took more than 100 ms of processor time'}), 'its document is in quarantine');
	ok(status('plain', 'lag_events = 0'), 'others go on');
	is(sql(q{SELECT count(*) FROM odoo_events.outbox WHERE subject = 'acme_j/after'}), '1', 'other documents of the transaction are events');
	is(sql(q{SELECT enabled FROM odoo_events.event_type WHERE type = 'acme.x.acme_j.endless.v1'}), 't', 'once is forgiven');
	sql(qq{INSERT INTO acme_j (name) VALUES ('slow$_'); UPDATE acme_j SET name = repeat('a', 300) || 'x' || repeat('a', 299) WHERE name = 'slow$_'}) foreach 1 .. 3;
	ok($node->poll_query_until($db, q{SELECT NOT enabled FROM odoo_events.event_type WHERE type = 'acme.x.acme_j.endless.v1'}), 'after three its event type is disabled');
	is(sql(q{SELECT who FROM odoo_events.audit_log WHERE what = 'slow condition' AND object = 'acme.x.acme_j.endless.v1'}), 'odoo_events worker', 'which the audit has');
	like(sql(q{SELECT status || ': ' || detail || ' ' || hint FROM odoo_events.health() WHERE "check" = 'event type acme.x.acme_j.endless.v1'}), qr/^critical: disabled since .*: its condition took too long again and again SELECT odoo_events.enable_event\('acme.x.acme_j.endless.v1'\);/, 'and health() tells, with the way back');
	sql(q{INSERT INTO acme_j (name) VALUES ('slow4'); UPDATE acme_j SET name = repeat('a', 300) || 'x' || repeat('a', 299) WHERE name = 'slow4'});
	ok(status('plain', 'lag_events = 0'), 'further documents are published');
};

$node->stop;
done_testing();

# What the view attempt and trace() tell of messages to a broker, with a row for each of them and with a row for many
# (odoo_events.attempt_detail).  The helper program has no broker (test/transport/program.py).
# once: nothing here depends on PostgreSQL's version
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Copy;
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
copy("$FindBin::RealBin/../transport/program.py", "$dir/odoo_events_nats") or die "program.py: $!";
chmod 0755, "$dir/odoo_events_nats";
my $node = OdooEvents->node('detail', "odoo_events.program_directory = '$dir'\n");
my $db = 'plant';
mkdir $node->data_dir . '/oe_faults';
# all of a subtest is in one settlement
append_to_file($node->data_dir . '/oe_faults/settle-ms', '1000');
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
$node->safe_psql($db, q{CREATE EXTENSION odoo_events; SELECT odoo_events.arm();
SELECT odoo_events.subscribe(name, 'nats://127.0.0.1:4222/' || name || '.{entity}', types => '{acme.test.*}', allow_networks => '{127.0.0.0/8}', retry_schedule => '{100ms,1s}') FROM unnest('{one,two}'::text[]) name});

sub make
{
	my ($from, $to) = @_;
	$node->safe_psql($db, "SELECT odoo_events.emit('acme.test.thing.made.v1', 'thing/' || i, jsonb_build_object('n', i), 'thing:' || i) FROM generate_series($from, $to) i");
	ok(OdooEvents::delivered($node, $db, $_), "$_ is delivered") foreach qw(one two);
	return;
}
sub rows { my ($where) = @_; return split /\n/, $node->safe_psql($db, "SELECT subscription || ' ' || last_position - first_position + 1 || ' ' || (event_id IS NOT NULL) || ' ' || attempt || ' ' || COALESCE(error, '') FROM odoo_events.attempt WHERE $where ORDER BY subscription, first_position, attempt") }
sub last_position { return $node->safe_psql($db, 'SELECT odoo_events._last_position()') }
sub steps { my ($n) = @_; return $node->safe_psql($db, "SELECT string_agg(step || COALESCE(' ' || detail, ''), ', ' ORDER BY at) FROM (SELECT at, step, CASE WHEN step LIKE 'attempt%' THEN regexp_replace(detail, 'after .*', 'after') END AS detail FROM odoo_events.trace(key => 'thing:$n') WHERE subscription = 'one') t") }

subtest 'each message has a row, and trace() says that it was acknowledged' => sub {
	make(1, 20);
	is_deeply([ rows('true') ], [ map { ("$_ 1 true 1 ") x 20 } qw(one two) ], 'twenty messages, twenty rows for each subscription');
	is(steps(7), 'attempt 1 after, acknowledged', 'trace()');
	is($node->safe_psql($db, q{SELECT string_agg(DISTINCT state, ',') FROM odoo_events.requests(now() - interval '1 hour', now())}), 'ok', 'and the page of requests calls them good');
};

subtest 'messages that are acknowledged at once share a row; others have their own' => sub {
	$node->append_conf('postgresql.conf', "odoo_events.attempt_detail = 'batch'\n");
	$node->reload;
	my $from = last_position();
	append_to_file("$dir/rule", encode_json({ do => 'retry', match => '"n": 130', times => 2, text => 'not now', number => 1 }));
	make(101, 200);
	my @rows = rows("first_position > $from");
	my @shared = grep { / false 1 $/ } @rows;
	cmp_ok(scalar(@rows), '<=', 16, 'a few rows');
	cmp_ok(scalar(@shared), '>=', 2, 'of each subscription one that tells of many');
	is_deeply([ grep { / [12] (not now)?$/ && / true / && !/ 1 true 1 $/ } @rows ], [ map { ("$_ 1 true 1 not now", "$_ 1 true 2 ") } qw(one two) ], 'the message that failed has a row for each attempt');
	is(steps(107), 'attempt 1 after, acknowledged', 'trace() finds the row that tells of an event');
	like(steps(130), qr/attempt 1 not now after, .*attempt 2 after, acknowledged/, 'and what had its own');
	is($node->safe_psql($db, q{SELECT delivered_total FROM odoo_events.subscription_status WHERE name = 'one'}), 120, 'all are counted');
	is($node->safe_psql($db, "SELECT count(*) FROM odoo_events.attempt WHERE first_position > $from AND (first_position > last_position OR duration < interval '0' OR batch_id IS NOT NULL)"), 0, 'ranges and times make sense');
};

subtest 'replays and dry runs have rows of their own' => sub {
	my $from = last_position();
	$node->safe_psql($db, q{SELECT odoo_events.replay('one', from_position => 1, to_position => 10)});
	ok($node->poll_query_until($db, q{SELECT bool_and(state = 'done') FROM odoo_events.replay_status}), 'the replay is done');
	cmp_ok($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.attempt WHERE subscription = 'one' AND first_position <= 10 AND event_id IS NOT NULL AND first_position = last_position}), '>=', 18, 'a row for each event that was sent again');
	$node->safe_psql($db, q{SELECT odoo_events.subscribe('dry', 'nats://127.0.0.1:4222/dry.{entity}', types => '{acme.test.*}', allow_networks => '{127.0.0.0/8}', dry_run => true)});
	$node->safe_psql($db, q{SELECT odoo_events.emit('acme.test.thing.made.v1', 'thing/' || i, '{}', 'thing:' || i) FROM generate_series(301, 303) i});
	ok(OdooEvents::delivered($node, $db, 'dry'), 'the dry run goes through');
	is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.attempt WHERE subscription = 'dry' AND event_id IS NOT NULL AND response IS NOT NULL}), 3, 'a row each, with what was not sent');
	is($node->safe_psql($db, q{SELECT string_agg(step, ',') FROM odoo_events.trace(key => 'thing:302') WHERE subscription = 'dry'}), 'attempt 1,dry run', 'and trace() does not call it acknowledged');
};

$node->stop;
done_testing();

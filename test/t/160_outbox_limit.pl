# check-all: it takes half a minute
# once: how large the outbox may be has nothing to do with PostgreSQL's version
# odoo_events.max_outbox_size that is set when one table of the outbox is larger already: what is dropped is about what is too much, it is told
# before, what others have still to get stays where it is found, and what is passed goes without a loss.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('limit', "odoo_events.restart_delay = '100ms'\nodoo_events.on_full = 'drop'\nrestart_after_crash = on\n");
my $faults = $node->data_dir . '/oe_faults';
mkdir $faults;
sub tune { my ($name, $value) = @_; append_to_file("$faults/$name.new", $value); rename "$faults/$name.new", "$faults/$name"; return }
tune('maintain-ms', 20);
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
sub sql { return $node->safe_psql($db, $_[0]) }
sub setting { my ($name, $value) = @_; $node->safe_psql('postgres', "ALTER SYSTEM SET $name = '$value'"); $node->reload; return }
my $size = q{(SELECT bytes FROM odoo_events.storage WHERE part = 'outbox')};
my $receiver = OdooEvents->receiver;
sql(q{CREATE EXTENSION odoo_events; SELECT odoo_events.arm()});
$receiver->subscribe($node, $db, 'reader', '/reader', q{types => '{acme.*}'});
sql(q{SELECT odoo_events.subscribe('pulls', NULL, types => '{acme.*}'); SELECT odoo_events.subscribe('late', NULL, types => '{acme.*}')});
# the account: position and id of each event as it was published
my @all;
sub publish
{
	my ($from, $to) = @_;
	sql(qq{SELECT odoo_events.emit('acme.x.thing.made.v1', 'thing/' || n, jsonb_build_object('n', n, 't', (SELECT string_agg(md5(i::text || n), '') FROM generate_series(1, 120) i))) FROM generate_series($from, $to) n});
	my $there = $node->poll_query_until($db, "SELECT count(*) = 1 FROM odoo_events.outbox WHERE subject = 'thing/$to'");
	ok($there && OdooEvents::delivered($node, $db, 'reader'), "events $from to $to are published") if $from < $to || !$there;
	my ($latest) = ($all[-1] // '0') =~ /^(\d+)/;
	push @all, split /\s+/, sql("SELECT position || ':' || id FROM odoo_events.outbox WHERE type LIKE 'acme.%' AND position > $latest ORDER BY position");
	return;
}
sub members { return sql(q{SELECT count(*) FROM pg_class WHERE relnamespace = 'odoo_events'::regnamespace AND relname ~ '^outbox_[0-9]+$' AND pg_relation_size(oid) > 0}) }
sub fetched { my ($name) = @_; return split /\s+/, sql(qq{SELECT e.position || ':' || e.id FROM odoo_events.fetch('$name', 10000) e ORDER BY e.position}) }
sub after { my ($position) = @_; return grep { /^(\d+)/ && $1 > $position } @all }

publish(1, 3000);
is(members(), '1', 'all of them are in one table');
my $bytes = sql("SELECT $size");
cmp_ok($bytes, '>', 12_000_000, 'which is larger than the limit that is set now');

subtest 'dropping is told a minute before' => sub {
	my $log = -s $node->logfile;
	setting('odoo_events.max_outbox_size', '8MB');
	publish(3001 + $_, 3001 + $_) foreach 0 .. 9;    # the table is left while these come
	is(members(), '2', 'another table is filled');
	$node->wait_for_log(qr/the outbox of database "plant" is larger than odoo_events.max_outbox_size allows/, $log);
	is(sql(q{SELECT count(*) FROM odoo_events.overrun}), '0', 'nothing is lost yet');
	like(sql(q{SELECT status || ': ' || detail FROM odoo_events.health() WHERE "check" = 'outbox'}), qr/^critical: .*of 8192 kB, held by subscription (pulls|late); beyond the limit the oldest events are dropped/, 'health() says what will be');
};

my $late;
subtest 'a crash in the middle of moving rows loses and doubles nothing' => sub {
	# a consumer that has got the first half loses nothing of the second
	$late = sql(q{SELECT max(position) FROM odoo_events.fetch('late', 2200)});
	sql("SELECT odoo_events.ack('late', $late)");
	tune('hold-shrunk', 'kill');
	tune('drop-grace-ms', 1);
	ok(OdooEvents::Receiver::wait_until(sub { !-e "$faults/hold-shrunk" }), 'the worker is killed before the commit');
	$node->poll_query_until('postgres', 'SELECT true');
	ok($node->poll_query_until($db, "SELECT $size <= 8 * 1024 * 1024"), 'then the outbox is within its limit');
};

subtest 'only what is too much is dropped' => sub {
	my ($first, $last) = split /\|/, sql(q{SELECT min(o.first_position), max(o.last_position) FROM odoo_events.overrun o JOIN odoo_events.subscription_config c ON c.id = o.subscription_id WHERE c.name = 'pulls'});
	my $lost = sql(qq{SELECT count(*) FROM generate_series($first, $last)});
	my $needed = 3010 * (1 - 8 * 1024 * 1024 / $bytes);
	cmp_ok($lost, '<', $needed * 1.4 + 500, "of 3010 events $lost are lost, " . int($needed) . ' are too much');
	is_deeply([ fetched('pulls') ], [ after($last) ], 'what comes after that is all there, once');
	is_deeply([ fetched('late') ], [ after($late) ], 'who is further loses nothing, and finds the moved events where they were');
	is(sql(q{SELECT count(*) FROM odoo_events.overrun o JOIN odoo_events.subscription_config c ON c.id = o.subscription_id WHERE c.name = 'late'}), '0', 'its state is not overrun');
	is(sql(q{SELECT count(*) - count(DISTINCT position) FROM odoo_events.outbox}), '0', 'no position is there twice');
};

subtest 'a table that is too large shrinks to what is needed, without a loss, where events are kept' => sub {
	setting('odoo_events.on_full', 'keep');
	setting('odoo_events.max_outbox_size', '0');
	sql(q{SELECT odoo_events.unsubscribe('late'); SELECT odoo_events.resume('pulls')});
	publish(3021, 6000);
	sql(q{SELECT odoo_events.ack('pulls', (SELECT max(position) FROM odoo_events.fetch('pulls', 10000)))});
	my $acknowledged = sql(q{SELECT odoo_events._last_position()});
	publish(6001, 8000);
	setting('odoo_events.max_outbox_size', '12MB');
	publish(8001 + $_, 8001 + $_) foreach 0 .. 9;
	ok($node->poll_query_until($db, "SELECT $size <= 12 * 1024 * 1024"), 'the outbox is within its limit');
	is_deeply([ fetched('pulls') ], [ after($acknowledged) ], 'and has what was not fetched');
};

subtest 'a consumer in REPEATABLE READ is told instead of missing what was moved' => sub {
	sql(q{SELECT odoo_events.ack('pulls', (SELECT max(position) FROM (SELECT position FROM odoo_events.fetch('pulls', 1500)) x))});
	my $session = $node->background_psql($db, on_error_stop => 0);
	$session->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM odoo_events.subscription');
	setting('odoo_events.max_outbox_size', '4MB');
	publish(8021 + $_, 8021 + $_) foreach 0 .. 9;
	ok($node->poll_query_until($db, "SELECT $size <= 6 * 1024 * 1024"), 'rows are moved meanwhile');
	my $answer = $session->query(q{SELECT count(*) FROM odoo_events.fetch('pulls', 10)});
	like(($answer // '') . ($session->{stderr} // ''), qr/could not serialize/, 'fetch() in an older snapshot is to be repeated');
	$session->quit;
};
is_deeply([ $receiver->problems ], [], 'signed, in order, same bytes');
$node->stop;
done_testing();

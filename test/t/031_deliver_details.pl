# What becomes of single events and keys: filters, orderings, poison, breaker, hot keys, frozen batches, changes under way.  Events are
# made by hand, as journal rows of ready-made events, so that keys and sizes are what the test wants.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('details', "odoo_events.restart_delay = '100ms'\nrestart_after_crash = on\n");
my $receiver = OdooEvents->receiver;
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
$node->safe_psql($db, q{CREATE EXTENSION odoo_events; SELECT odoo_events.arm();
CREATE FUNCTION make(n int, keys int, pad int DEFAULT 0, kind text DEFAULT 'made') RETURNS void LANGUAGE sql AS $$
  INSERT INTO odoo_events.journal_0 (xid, id, at, rule, relid, op, new)
  SELECT pg_current_xact_id(), nextval('odoo_events.journal_id_seq'), clock_timestamp(), 'platform', 0, 'E',
         json_build_object('type', 'odoo.platform.test.' || kind || '.v1', 'subject', 'test/' || i, 'key', 'test:' || i % keys,
                           'data', json_build_object('n', i, 'pad', repeat('x', pad)))::text
    FROM generate_series(1, n) i;
  SELECT odoo_events._wake('changes') $$});

# Subscribes afresh from now on.
sub subscribe
{
	my ($name, $more) = @_;
	$receiver->subscribe($node, $db, $name, "/$name", $more);
}

sub done_with
{
	$node->safe_psql($db, 'SELECT odoo_events.unsubscribe(name) FROM odoo_events.subscription');
	$receiver->misbehave();
}

sub status { return OdooEvents::status($node, $db, @_) }
sub delivered { return OdooEvents::delivered($node, $db, @_) }

sub numbers
{
	my ($path) = @_;
	return map { $_->{data}{n} } $receiver->events($path);
}

my ($bad, $ahead, $faults);

sub tried
{
	return map { map { $_->{data}{n} } ref $_ eq 'ARRAY' ? @$_ : $_ } map { JSON::PP::decode_json($_->{body}) } $receiver->ledger($_[0]);
}

subtest 'an error in a filter is no match, is counted, and does not disturb others with the same filter' => sub {
	subscribe($_, q{filter => '$.data.n > 7'}) foreach qw(filter same);
	subscribe($_, q{filter => '$.data.n.keyvalue().value > 7'}) foreach qw(broken likewise);
	subscribe('all', q{filter => 'true'});
	$node->safe_psql($db, 'SELECT make(10, 3)');
	ok(delivered('filter') && delivered('same') && delivered('all') && delivered('broken'), 'filtered');
	is(join(',', sort { $a <=> $b } numbers('/filter')), '8,9,10', 'what the filter lets through');
	is(scalar(numbers('/all')), 10, 'all');
	is(scalar(numbers('/broken')), 0, 'an error in a filter is no match');
	ok(status($_, 'filter_errors_total = 10'), 'and counted') foreach qw(broken likewise);
	done_with();
};

subtest 'a poison event holds up its key only, until skip() lets the key go on' => sub {
	subscribe('poison', q{retry_schedule => array_fill('200ms'::interval, ARRAY[100])});
	subscribe('none', q{ordering => 'none', retry_schedule => array_fill('200ms'::interval, ARRAY[100])});
	subscribe('strict', q{ordering => 'strict', retry_schedule => array_fill('200ms'::interval, ARRAY[100])});
	$node->safe_psql($db, 'SELECT odoo_events.pause(name) FROM odoo_events.subscription');
	$node->safe_psql($db, 'SELECT make(30, 5)');
	ok($node->poll_query_until($db, 'SELECT odoo_events._last_position() >= 40'), 'published');
	($bad, $ahead) = split /\|/, $node->safe_psql($db, q{SELECT id, position - 11 FROM odoo_events.outbox_all
		WHERE position > 10 AND event::json #>> '{data,n}' = '6'});
	$receiver->misbehave({ id => $bad, status => 500, body => 'sorry' });
	$node->safe_psql($db, 'SELECT odoo_events.resume(name) FROM odoo_events.subscription');
	ok(status('poison', 'delivered_total = 25 AND blocked_keys = 1 AND parked = 5'), 'only its key waits');
	ok(status('none', 'delivered_total = 29 AND parked = 1'), 'without an order, only the event itself');
	ok(status('strict', "delivered_total = $ahead AND failed_total > 3"), 'in strict order, all that comes after');
	is($node->safe_psql($db, q{SELECT count(*), count(DISTINCT behind_event_id) FROM odoo_events.waiting WHERE subscription = 'poison' AND state = 'behind'}),
		'4|1', 'who waits behind whom');
	is($node->safe_psql($db, q{SELECT DISTINCT response FROM odoo_events.attempt WHERE status = 500}), 'sorry', 'the answer of a failure is kept');
	$node->safe_psql($db, qq{SELECT odoo_events.skip(name, '{$bad}') FROM odoo_events.subscription});
	foreach my $name ('poison', 'none', 'strict')
	{
		ok(delivered($name), "$name: goes on after skip()");
		is($node->safe_psql($db, qq{SELECT event_id, last_error FROM odoo_events.dead_letter WHERE subscription = '$name'}), "$bad|skipped by postgres: HTTP status 500",
			"$name: and keeps a dead letter");
		is(scalar(numbers("/$name")), 29, "$name: everything else arrived");
	}
	is(join("\n", numbers('/strict')), $node->safe_psql($db, qq{SELECT event::json #>> '{data,n}' FROM odoo_events.outbox_all
		WHERE position > 10 AND type <> 'odoo.platform.event.dead_lettered.v1' AND id <> '$bad' ORDER BY position}), 'strict is strict');
	done_with();
};

subtest 'skip() of an event that is on its way is done when that fails' => sub {
	subscribe('flying', q{ordering => 'none', timeout => '10min', retry_schedule => array_fill('10ms'::interval, ARRAY[100])});
	$receiver->misbehave({ path => '^/flying$', status => 500, times => 1 }, { path => '^/flying$', status => 500, hold => JSON::PP::true });
	$node->safe_psql($db, 'SELECT make(1, 1)');
	ok(status('flying', 'in_flight = 1 AND failed_total = 1'), 'an event is on its way again');
	$bad = $node->safe_psql($db, q{SELECT id FROM odoo_events.outbox_all WHERE type <> 'odoo.platform.event.dead_lettered.v1' ORDER BY position DESC LIMIT 1});
	$node->safe_psql($db, qq{SELECT odoo_events.skip('flying', '{$bad}')});
	$node->safe_psql($db, q{SELECT odoo_events.retry_now('flying')});
	ok($node->poll_query_until($db, q{SELECT array_agg(what) = '{skip}' FROM odoo_events.command}), 'the worker knows that it is unwanted, and keeps the order until the answer');
	$receiver->misbehave();
	ok(status('flying', 'dead_letters = 1 AND lag_events = 0'), 'and it becomes a dead letter when it fails');
	is($node->safe_psql($db, q{SELECT event_id, last_error FROM odoo_events.dead_letter WHERE subscription = 'flying'}), "$bad|skipped by postgres: HTTP status 500", 'by order');
	done_with();
};

subtest 'the answers abort-message and disable of webhook-delivery are obeyed' => sub {
	subscribe('abort');
	subscribe('disable');
	$receiver->misbehave({ path => '^/abort$', status => 400, headers => { 'Webhook-Delivery' => 'abort-message' }, times => 1 },
		{ path => '^/disable$', status => 500, headers => { 'Webhook-Delivery' => 'disable' } });
	$node->safe_psql($db, 'SELECT make(3, 3)');
	ok(delivered('abort') && status('abort', 'dead_letters = 1 AND delivered_total = 2'), 'a message that is not wanted');
	ok(status('disable', q{state = 'disabled' AND lag_events > 0 AND dead_letters = 0}), 'an endpoint that wants no more');
	$receiver->misbehave();
	$node->safe_psql($db, q{SELECT odoo_events.resume('disable')});
	ok(delivered('disable'), 'until it is resumed');
	is(scalar(numbers('/disable')), 3, 'with everything');
	done_with();
};

subtest 'an endpoint that asks for more and more time is asked again when that is over' => sub {
	$faults = $node->data_dir . '/oe_faults';
	mkdir $faults;
	append_to_file("$faults/$_", 3600000) foreach 'maintain-ms', 'deliver-idle-ms';
	subscribe('later', q{ordering => 'strict', retry_schedule => array_fill('5ms'::interval, ARRAY[100])});
	$receiver->misbehave({ path => '^/later$', status => 429, times => 4 });
	$node->safe_psql($db, q{SELECT make(1, 1)});
	ok(status('later', 'delivered_total = 1 AND failed_total = 4'), 'an endpoint that has no time yet is asked again');
	unlink "$faults/$_" foreach 'maintain-ms', 'deliver-idle-ms';
	done_with();
};

subtest 'an endpoint that is down opens the breaker, and gets everything in order afterwards' => sub {
	subscribe('down', q{retry_schedule => array_fill('200ms'::interval, ARRAY[100])});
	subscribe('beside');
	$receiver->misbehave({ path => '^/down$', status => 503 });
	$node->safe_psql($db, 'SELECT make(2000, 1000)');
	ok(status('down', q{state = 'breaker_open'}), 'the breaker opens');
	ok(delivered('beside'), 'the endpoint beside it gets everything');
	cmp_ok($node->safe_psql($db, 'SELECT count(*) FROM odoo_events.held'), '<', 60, 'few keys are held');
	$receiver->misbehave();
	$node->safe_psql($db, q{SELECT odoo_events.retry_now('down')});
	ok(delivered('down'), 'back');
	is(scalar(numbers('/down')), 2000, 'with everything, once');
	is($node->safe_psql($db, 'SELECT count(*) FROM odoo_events.held'), '0', 'and nothing is held any more');
	done_with();
};

subtest 'a hot key does not fill the prefetch limit for other keys' => sub {
	subscribe('hot', 'max_in_flight => 4');
	$receiver->misbehave({ path => '^/hot$', key => '^test:0$', delay => 0.5 });
	$node->safe_psql($db, q{SELECT make(400, 1, 100, 'hot')});
	$node->safe_psql($db, 'SELECT make(7, 8)');
	ok($receiver->wait_for(sub { 7 == grep { $_->{status} == 204 && $_->{body} =~ /"partitionkey":"test:[1-7]"/ } @_ }, 'others pass a hot key', '/hot'),
		'others pass a hot key');
	cmp_ok(scalar(() = $receiver->ledger('/hot')), '<', 250, 'long before it is through');
	$receiver->misbehave();
	ok(delivered('hot'), 'which goes on');
	is(scalar(numbers('/hot')), 407, 'complete');
	done_with();
};

subtest 'a batch has the same id, members and bytes after kill -9 of the worker' => sub {
	subscribe('frozen', q{format => 'batch', batch_size => 10, max_in_flight => 2});
	$receiver->misbehave({ path => '^/frozen$', hang => JSON::PP::true });
	$node->safe_psql($db, 'SELECT make(95, 20)');
	$receiver->wait_for(sub { @_ >= 2 }, 'two batches hang', '/frozen');
	my %before = map { $_->{webhook_id} => $_->{sha256} } $receiver->ledger('/frozen');
	OdooEvents::kill_worker($node, $db);
	$receiver->misbehave();
	ok(delivered('frozen'), 'after kill -9 of the worker everything is delivered');
	my %after = map { $_->{webhook_id} => $_->{sha256} } grep { $_->{status} == 204 } $receiver->ledger('/frozen');
	is_deeply({ map { $_ => $after{$_} } keys %before }, \%before, 'what hung comes again with the same id, members and bytes');
	is(scalar(do { my %seen = map { $_ => 1 } numbers('/frozen'); keys %seen }), 95, 'and nothing is lost');
	done_with();

	subscribe('split', q{format => 'batch', batch_size => 20});
	$receiver->misbehave({ path => '^/split$', type => '\.odd\.', status => 422 });
	$node->safe_psql($db, q{SELECT odoo_events.pause('split'); SELECT make(10, 20); SELECT make(1, 1, 0, 'odd'); SELECT make(5, 20)});
	ok($node->poll_query_until($db, q{SELECT lag_events = 16 FROM odoo_events.subscription_status WHERE name = 'split'}), 'published');
	$node->safe_psql($db, q{SELECT odoo_events.resume('split')});
	ok(delivered('split'), 'a batch that is refused for its content is taken apart');
	is($node->safe_psql($db, q{SELECT string_agg(type, ',') FROM odoo_events.dead_letter}), 'odoo.platform.test.odd.v1', 'only the culprit dies');
	is(scalar(numbers('/split')), 15, 'the others arrive');
	done_with();
};

subtest 'ordering, filters and unsubscribe() can be changed while requests are under way' => sub {
	subscribe('changing', q{retry_schedule => array_fill('50ms'::interval, ARRAY[100])});
	$receiver->misbehave({ path => '^/changing$', key => '^test:[01]$', status => 500 });
	$node->safe_psql($db, 'SELECT make(50, 10)');
	ok(status('changing', 'blocked_keys = 2 AND delivered_total = 40'), 'two keys are held');
	$node->safe_psql($db, q{SELECT odoo_events.alter_subscription('changing', ordering => 'none')});
	$node->safe_psql($db, 'SELECT make(50, 10)');
	ok(status('changing', 'delivered_total = 80'), 'another ordering');
	$node->safe_psql($db, q{SELECT odoo_events.alter_subscription('changing', ordering => 'key')});
	$node->safe_psql($db, 'SELECT make(50, 10)');
	$receiver->misbehave();
	ok(delivered('changing'), 'and back');
	my %times;
	$times{$_}++ foreach map { $_->{id} } $receiver->events('/changing');
	is(scalar(keys %times), 150, 'nothing is lost');
	is(scalar(grep { $_ > 1 } values %times), 0, 'nor sent twice');
	subscribe('hanging');
	$receiver->misbehave({ path => '^/hanging$', hang => JSON::PP::true });
	$node->safe_psql($db, 'SELECT make(20, 20)');
	$receiver->wait_for(sub { @_ >= 16 }, 'requests hang', '/hanging');
	$node->safe_psql($db, q{SELECT odoo_events.unsubscribe('hanging')});
	ok(delivered('changing'), 'the worker goes on');
	done_with();
};

subtest 'a filter goes on for others when one of those who share it leaves' => sub {
	subscribe($_, q{filter => '$.data.n > 7'}) foreach qw(stays leaves turns);
	$node->safe_psql($db, q{SELECT odoo_events.unsubscribe('leaves'); SELECT odoo_events.alter_subscription('turns', filter => '$.data.n < 3')});
	$node->safe_psql($db, 'SELECT make(10, 3)');
	ok(delivered('stays') && delivered('turns'), 'filtered');
	is(join(',', sort { $a <=> $b } numbers('/stays')), '8,9,10', 'the other still has his');
	is(join(',', sort { $a <=> $b } numbers('/turns')), '1,2', 'and he another');
	done_with();
};

subtest 'an endpoint that sends back what it got does not make secrets readable' => sub {
	subscribe('echo', q{headers => '{"Authorization": "Bearer s3cr3t-t0ken"}', retry_schedule => '{}'});
	$receiver->misbehave({ path => '^/echo$', status => 500, body => 'got Authorization: Bearer s3cr3t-t0ken, token s3cr3t-t0ken' });
	$node->safe_psql($db, 'SELECT make(1, 1)');
	ok(status('echo', 'dead_letters = 1'), 'refused');
	my ($sent) = $receiver->ledger('/echo');
	is($sent->{headers}{authorization}, 'Bearer s3cr3t-t0ken', 'the header was sent');
	unlike($node->safe_psql($db, 'SELECT * FROM odoo_events.attempt'), qr/s3cr3t/, 'and is not in the kept answer');
};

subtest 'events that are delivered are not needed any more' => sub {
	$node->safe_psql($db, q{SELECT odoo_events.discard('echo', ARRAY(SELECT event_id FROM odoo_events.dead_letter))});
	is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.dead_letter}), '0', 'discarded');
	ok($node->poll_query_until($db, 'SELECT odoo_events._low_water() > odoo_events._last_position()'), 'nothing of the outbox is needed');
	my @problems = grep { !/^out of order/ } $receiver->problems;
	is_deeply(\@problems, [], 'every signature was right, and the bytes of an id the same');
	is_deeply([ map { $receiver->problems("/$_") } qw(poison strict down beside hot frozen) ], [], 'and each key in order');
	unlike(slurp_file($node->logfile), qr/(PANIC|TRAP):|WARNING:  (?!argument "filter" looks at)/, 'no warning in the log');
};

subtest 'an event that follows a dead letter of its key is not sent before that is stored' => sub {
	$faults = $node->data_dir . '/oe_faults';
	mkdir $faults;
	my %buried = (buried => '', last => q{ordering => 'strict', }, together => q{format => 'batch', batch_size => 1, });
	foreach my $name (sort keys %buried)
	{
		subscribe($name, "$buried{$name} retry_schedule => '{}'");
		$receiver->misbehave({ path => "^/$name\$", hold => JSON::PP::true, status => 500 });
		append_to_file("$faults/settle-ms", 1000000);
		$node->safe_psql($db, 'SELECT make(2, 1)');
		ok(status($name, 'odoo_events._requests_in_flight() = 1'), "$name: the first of two is on its way");
		$receiver->misbehave();
		$receiver->wait_for(sub { @_ == 2 }, "$name: it dies, and the second one comes", "/$name");
		unlink "$faults/settle-ms";
		OdooEvents::kill_worker($node, $db);
		ok(delivered($name), "$name: both are settled");
		like(join(',', tried("/$name")), qr/^1,2(,2)?$/, "$name: what died does not come again");
		done_with();
	}
};

subtest 'a command is carried out whatever happens to the worker that took it' => sub {
	subscribe('ordered', q{retry_schedule => '{1h}'});
	$receiver->misbehave({ path => '^/ordered$', status => 500, times => 1 });
	$node->safe_psql($db, 'SELECT make(2, 1)');
	ok(status('ordered', 'failed_total = 1 AND parked > 0'), 'the first of two waits, the second behind it');
	append_to_file("$faults/settle-attempts", 'kill');
	$node->safe_psql($db, q{SELECT odoo_events.skip('ordered', ARRAY(SELECT event_id FROM odoo_events.waiting WHERE state = 'retry'))});
	ok(delivered('ordered') && status('ordered', 'dead_letters = 1'), 'skipped by the next worker');
	is(join(',', tried('/ordered')), '1,2', 'and not sent again');
	done_with();
	unlink "$faults/settle-attempts";
	subscribe('unanswered', q{timeout => '10min', retry_schedule => '{10ms}'});
	$receiver->misbehave({ path => '^/unanswered$', status => 500, times => 1 }, { path => '^/unanswered$', hold => JSON::PP::true });
	$node->safe_psql($db, 'SELECT make(2, 1)');
	ok(status('unanswered', 'failed_total = 1 AND in_flight = 1'), 'the first of two is on its way once more');
	$node->safe_psql($db, q{SELECT odoo_events.skip('unanswered', ARRAY(SELECT event_id FROM odoo_events.waiting WHERE state = 'retry'))});
	$node->safe_psql($db, q{SELECT odoo_events.retry_now('unanswered')});
	ok($node->poll_query_until($db, q{SELECT array_agg(what) = '{skip}' FROM odoo_events.command}), 'nobody wants its answer any more');
	OdooEvents::kill_worker($node, $db);
	$receiver->misbehave();
	ok(delivered('unanswered') && status('unanswered', 'dead_letters = 1'), 'skipped by the next worker');
	$receiver->wait_for(sub { @_ == 3 }, 'the request without an answer ends', '/unanswered');
	is(join(',', sort(tried('/unanswered'))), '1,1,2', 'and it is not sent a third time');
	is($node->safe_psql($db, 'SELECT count(*) FROM odoo_events.command'), '0', 'no order is left');
};

$node->stop;
done_testing();

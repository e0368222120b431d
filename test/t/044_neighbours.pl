# once: what endpoints do, and in which order requests start, has nothing to do with PostgreSQL's version
# Who is sent how much where there is not room for all: by weight, the urgent before the bulk; and every way in which an endpoint can misbehave, with
# healthy ones beside it that get everything.  Counted, not timed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('neighbours', "odoo_events.restart_delay = '100ms'\nodoo_events.max_in_flight = 1\n");
my $receiver = OdooEvents->receiver;
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
$node->safe_psql($db, q{CREATE EXTENSION odoo_events; SELECT odoo_events.arm();
CREATE FUNCTION make(n int, kind text DEFAULT 'made') RETURNS void LANGUAGE sql AS $$
  SELECT odoo_events._emit('odoo.platform.test.' || kind || '.v1', 'test/' || i, jsonb_build_object('n', i), 'test:' || i) FROM generate_series(1, n) i $$});

sub sql { return $node->safe_psql($db, $_[0]) }
sub subscribe { my ($name, $more) = @_; return $receiver->subscribe($node, $db, $name, "/$name", $more) }

sub status { return OdooEvents::status($node, $db, @_) }
sub delivered { return OdooEvents::delivered($node, $db, @_) }

sub done_with
{
	$receiver->misbehave();
	sql('SELECT odoo_events.unsubscribe(name) FROM odoo_events.subscription');
	return;
}

# Takes the only request there may be, makes events for the others, and lets them go at once when all of them are in memory.
sub compete
{
	my ($n, @names) = @_;
	subscribe('blocker', q{timeout => '1h', types => '{odoo.platform.test.first.v1}'});
	$receiver->misbehave({ path => '^/blocker$', hold => JSON::PP::true });
	sql(q{SELECT make(1, 'first')});
	ok(status('blocker', 'in_flight = 1'), 'the only request is taken');
	sql("SELECT make($n)");
	sql("SELECT odoo_events.retry_now('$_')") foreach @names;
	foreach my $name (@names)
	{
		ok($node->poll_query_until($db, qq{SELECT count(*) = $n FROM odoo_events.waiting WHERE subscription = '$name' AND state = 'in_flight'}), "$name: all its events wait in memory");
	}
	$receiver->misbehave();
	delivered($_) foreach @names, 'blocker';
	return split /\n/, sql(q{SELECT subscription FROM odoo_events.attempt WHERE subscription <> 'blocker' ORDER BY at});
}

my @order;

subtest 'subscriptions of different priority share by weight' => sub {
	subscribe('high', q{ordering => 'none', priority => 1, types => '{odoo.platform.test.made.v1}'});
	subscribe('low', q{ordering => 'none', priority => 9, types => '{odoo.platform.test.made.v1}'});
	@order = compete(90, 'high', 'low');
	my $high = grep { $_ eq 'high' } @order[ 0 .. 49 ];
	ok($high >= 44 && $high <= 46, "of the first fifty requests the weighty one has nine tenths ($high)");
	ok((grep { $_ eq 'low' } @order[ 0 .. 19 ]) > 0, 'and the other does not starve');
	is(scalar(@order), 180, 'both get all');
	done_with();
	subscribe('one', q{ordering => 'none', priority => 4, types => '{odoo.platform.test.made.v1}'});
	subscribe('other', q{ordering => 'none', priority => 7, types => '{odoo.platform.test.made.v1}'});
	@order = compete(90, 'one', 'other');
	my $one = grep { $_ eq 'one' } @order[ 0 .. 89 ];
	ok($one >= 59 && $one <= 61, "six to three ($one of ninety)");
	done_with();
};

subtest 'subscriptions without a schedule go before those with one' => sub {
	subscribe('bulk', q{ordering => 'none', priority => 1, schedule => '0 0 1 1 *', types => '{odoo.platform.test.made.v1}'});
	subscribe('urgent', q{ordering => 'none', priority => 9, types => '{odoo.platform.test.made.v1}'});
	@order = compete(60, 'bulk', 'urgent');
	is(join(',', @order), join(',', ('urgent') x 60, ('bulk') x 60), 'what is urgent goes first, all of it');
	done_with();
};

subtest 'every way to misbehave is told apart, and a healthy endpoint beside it gets everything' => sub {
	sql(q{ALTER SYSTEM SET odoo_events.max_in_flight = 64});
	$node->reload;
	my %bad = (    # how, what the subscription's last error or status says of it, further arguments
		hangs => [ { hang => JSON::PP::true }, 'last_error ~* \'timed? ?out\'', q{timeout => '300ms'} ],
		slow => [ { delay => 2 }, 'last_error ~* \'timed? ?out\'', q{timeout => '300ms'} ],
		floods => [ { flood => 100000000, status => 500 }, 'last_status = 500', q{} ],
		drips => [ { drip => 60, status => 200 }, 'last_status = 200 OR last_error ~* \'timed? ?out\'', q{timeout => '300ms'} ],
		resets => [ { reset => JSON::PP::true }, 'last_status IS NULL AND last_error <> \'\'', q{} ],
		garbles => [ { garbage => JSON::PP::true }, 'last_status IS NULL AND last_error <> \'\'', q{} ],
		fails => [ { status => 500 }, 'last_status = 500', q{} ],
		redirects => [ { status => 302, headers => { Location => 'http://127.0.0.1:1/' } }, 'last_status = 302', q{} ],
		throttles => [ { status => 429, headers => { 'Retry-After' => 3600 } }, q{last_status = 429 AND next_attempt_at > now() + interval '50 min'}, q{} ],
		later => [ { status => 503, headers => { 'Retry-After' => 3600 } }, q{last_status = 503 AND next_attempt_at > now() + interval '50 min'}, q{} ],
		unwilling => [ { status => 401 }, 'last_status = 401', q{} ],
		huge => [ { status => 400, body => 'x' x 100000 }, 'last_status = 400', q{} ],
		leaves => [ { status => 410 }, q{state = 'disabled'}, q{} ]);
	foreach my $name (sort keys %bad)
	{
		my ($how, $sign, $more) = @{ $bad{$name} };
		subscribe($name, join ', ', grep { $_ ne '' } q{types => '{odoo.platform.test.*}', retry_schedule => '{1h}'}, $more);
	}
	subscribe("healthy$_", q{types => '{odoo.platform.test.*}'}) foreach 1 .. 10;
	subscribe('refuses', q{types => '{odoo.platform.test.*}', retry_schedule => '{1h}'});
	my $closed = PostgreSQL::Test::Cluster::get_free_port();
	sql(qq{SELECT odoo_events.alter_subscription('refuses', url => 'http://127.0.0.1:$closed/x')});
	$receiver->misbehave(map { +{ path => "^/$_\$", %{ $bad{$_}[0] } } } sort keys %bad);
	sql('SELECT make(40)') foreach 1 .. 3;
	ok(delivered("healthy$_"), "healthy$_ has everything") foreach 1 .. 10;
	ok(status($_, "($bad{$_}[1]) AND delivered_total + failed_total > 0"), "$_: is known for what it does") foreach sort keys %bad;
	ok(status('refuses', q{last_status IS NULL AND last_error ~* 'refused|connect'}), 'refuses: so is one that is not there');
	is(sql(q{SELECT count(*) FROM odoo_events.subscription_status WHERE name ~ '^healthy' AND failed_total > 0}), '0', 'none of the healthy ones has failed');
	is(sql(q{SELECT max(octet_length(response)) <= 4096 FROM odoo_events.attempt}), 't', 'of an answer four kilobytes are kept');
	my %got;
	$got{ $_->{path} }{ $_->{webhook_id} }++ foreach grep { $_->{status} == 204 } $receiver->ledger;
	is(scalar(grep { $_ > 1 } map { values %{ $got{"/healthy$_"} } } 1 .. 10), 0, 'nor has one got anything twice');
	# once they are well
	$receiver->misbehave();
	sql(q{SELECT odoo_events.alter_subscription(name, timeout => '1min') FROM odoo_events.subscription; SELECT odoo_events.resume('leaves'); SELECT odoo_events.unsubscribe('refuses')});
	OdooEvents::Receiver::wait_until(sub {
			sql(q{SELECT odoo_events.retry_now(name) FROM odoo_events.subscription_status WHERE lag_events > 0 AND (breaker <> 'closed' OR next_attempt_at > now() + interval '1 min')});
			sql(q{SELECT bool_and(lag_events = 0) FROM odoo_events.subscription_status}) eq 't';
		}, 'all have everything');
	is(sql(q{SELECT count(*) FROM odoo_events.dead_letter}), '0', 'without a dead letter');
	done_with();
};

subtest 'a database that is not armed sends nothing, says so, and goes on where it was' => sub {
	subscribe('wms', q{types => '{odoo.platform.test.*}'});
	sql('SELECT odoo_events.disarm()');
	ok(status('wms', q{state = 'unarmed' AND state_reason ~ 'disarm'}), 'unarmed is a state');
	sql('SELECT make(3)');
	ok(status('wms', q{state = 'unarmed' AND lag_events >= 3 AND delivered_total = 0}), 'events collect');
	my $metric = q{SELECT string_agg(labels ->> 'state', ',') FROM odoo_events.metrics() WHERE name = 'odoo_events_subscription_state' AND value = 1};
	is(sql($metric), 'unarmed', 'metrics say so');
	is(sql(q{SELECT value FROM odoo_events.metrics() WHERE name = 'odoo_events_armed'}), '0', 'twice');
	is(sql(q{SELECT status FROM odoo_events.health() WHERE "check" = 'arming'}), 'critical', 'and health');
	sql(q{SELECT odoo_events.subscribe('pull', NULL)});
	my ($ret, $out, $err) = $node->psql($db, q{SELECT * FROM odoo_events.fetch('pull')});
	like($err, qr/nothing is delivered from this database/, 'nobody can fetch either');
	is(scalar($receiver->ledger('/wms')), 0, 'nothing is sent');
	sql('SELECT odoo_events.arm()');
	ok(delivered('wms') && status('wms', q{state = 'active' AND delivered_total = 3}), 'armed, it goes on');
};

is_deeply([ grep { !/^out of order/ } $receiver->problems ], [], 'every signature was right, and the bytes of an id the same');
unlike(slurp_file($node->logfile), qr/(PANIC|TRAP):|WARNING:  (?!pattern)/, 'no other warning in the log');
$node->stop;
done_testing();

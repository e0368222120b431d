# An old interface hands its place to a new one and takes it back, under load, with requests under way, retries, a worker that dies at the worst
# moment: every event arrives once, at one of the two.
# once: HTTP, not PostgreSQL
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use Test::More;

my $node = OdooEvents->node('cut_over', "odoo_events.restart_delay = '200ms'\nrestart_after_crash = on\n");
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db");
$node->safe_psql($db, 'CREATE EXTENSION odoo_events; SELECT odoo_events.arm()');
my $receiver = OdooEvents->receiver;
sub sql { return $node->safe_psql($db, $_[0]) }
sub awaits { my ($query, $what) = @_; return ok($node->poll_query_until($db, $query), $what) }
sub emit { my ($n, $key) = @_; return sql(sprintf q{SELECT odoo_events.emit('acme.wms.order.placed.v1', '%s', '{}', key => '%s')}, $n, $key // $n % 7) }
sub refused { my ($query, $why) = @_; return like(($node->psql($db, $query))[2], $why, "refused: $why") }
sub settled { my ($name) = @_; return awaits("SELECT lag_events = 0 FROM odoo_events.subscription_status WHERE name = '$name'", "$name is done") }
# Subjects that a path has accepted, in order.
sub accepted { my ($path) = @_; return map { JSON::PP::decode_json($_->{body})->{subject} } grep { $_->{status} == 204 } $receiver->ledger($path) }
my $n = 0;

$receiver->subscribe($node, $db, 'old', '/old', q{types => '{acme.*}', retry_schedule => '{1h}'});
$receiver->subscribe($node, $db, 'new', '/new', q{types => '{acme.*}', dry_run => true});

subtest 'under load, over and back: each event once, at one of the two' => sub {
	my @cuts;
	for my $round (1 .. 4)
	{
		sql(join '', map { sprintf q{SELECT odoo_events.emit('acme.wms.order.placed.v1', '%s', '{}', key => '%s');}, ++$n, $n % 7 } 1 .. 50);
		push @cuts, sql($round % 2 ? q{SELECT last_position, first_position, carried FROM odoo_events.cut_over('old', 'new')} : q{SELECT last_position, first_position, carried FROM odoo_events.cut_back('new', 'old')});
		like($cuts[-1], qr/^\d+\|\d+\|\d+$/, "round $round: $cuts[-1]");
	}
	settled('old');
	my %times;
	$times{$_}++ foreach accepted('/old'), accepted('/new');
	is(scalar(keys %times), $n, 'all arrived');
	is(scalar(grep { $_ > 1 } values %times), 0, 'none twice');
	ok(accepted('/new') > 0 && accepted('/old') > 0, 'some here, some there');
	is_deeply([ $receiver->problems ], [], 'signed, in order');
	like(sql(q{SELECT state || ' ' || state_reason FROM odoo_events.subscription WHERE name = 'new'}), qr/^paused its place went to "old" at position \d+ by postgres$/, 'the new one stands');
	is(sql(q{SELECT count(*) FROM odoo_events.audit_log WHERE what IN ('cut_over', 'cut_back')}), '4', 'the audit has it');
};

subtest 'a request under way is waited for' => sub {
	$receiver->misbehave({ path => '^/old$', hold => 1 });
	my $id = emit(++$n, 'held');
	awaits(q{SELECT requests > 0 FROM odoo_events.subscription_progress WHERE name = 'old'}, 'a request is under way');
	my $session = $node->background_psql($db);
	$session->{timeout}->start(60);
	$session->query_until(qr/started/, "\\echo started\nSELECT last_position = first_position - 1 FROM odoo_events.cut_over('old', 'new');\n\\echo over\n");
	emit(++$n, 'held');
	awaits(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event ~ 'OdooEventsFreeze|Extension' AND query ~ 'cut_over'}, 'the cut waits');
	is(scalar(grep { $_ eq $n } accepted('/new')), 0, 'nothing goes ahead of it');
	$receiver->misbehave();
	$session->query_until(qr/over/, "\n");
	$session->quit;
	settled('new');
	is(scalar(grep { $_ == $n - 1 } accepted('/old')), 1, 'the old one got what was under way');
	is(scalar(grep { $_ == $n } accepted('/new')), 1, 'the new one what came after it');
	like(sql("SELECT string_agg(subscription || ': ' || step, ', ' ORDER BY subscription) FROM odoo_events.trace(event_id => '$id') WHERE step !~ 'attempt' AND subscription IS NOT NULL"),
		qr/new: handed over, old: acknowledged/, 'trace() says whose it was');
};

subtest 'retries are refused, or carried along' => sub {
	$receiver->misbehave({ path => '^/new$', status => 503 });
	emit(++$n, 'bad') foreach 1 .. 3;
	my $unwanted = sql(q{SELECT odoo_events.emit('acme.other.order.placed.v1', 'other', '{}', key => 'bad')});
	awaits(q{SELECT count(*) = 4 FROM odoo_events.waiting WHERE subscription = 'new'}, 'four wait for a retry or behind it');
	sql(q{SELECT odoo_events.alter_subscription('old', types => '{acme.wms.*}')});
	refused(q{SELECT * FROM odoo_events.cut_back('new', 'old')}, qr/subscription "new" retries 1 events or batches/);
	is(sql(q{SELECT carried || ' ' || (first_position <= last_position) FROM odoo_events.cut_back('new', 'old', carry => true)}), '3 true', 'what the old one wants is carried');
	$receiver->misbehave();
	settled('old');
	my @last = (accepted('/old'))[ -3 .. -1 ];
	is("@last", join(' ', $n - 2 .. $n), 'and arrives there, in order');
	is(sql(q{SELECT count(*) FROM odoo_events.waiting}), '0', 'nothing waits twice');
};

subtest 'a transaction that is taken back changes nothing' => sub {
	sql(q{BEGIN; SELECT odoo_events.cut_over('old', 'new'); ROLLBACK});
	emit(++$n);
	settled('old');
	is((accepted('/old'))[-1], $n, 'the old one goes on');
	refused(q{BEGIN; SELECT odoo_events.cut_over('old', 'new'); PREPARE TRANSACTION 'x'}, qr/cannot be prepared/);
	refused(q{BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT odoo_events.cut_over('old', 'new')}, qr/sees what others commit/);
	emit(++$n);
	settled('old');
	is((accepted('/old'))[-1], $n, 'and on');
};

subtest 'a worker that dies while its subscriptions stand still' => sub {
	my $session = $node->background_psql($db);
	$session->query_safe(q{BEGIN; SELECT * FROM odoo_events.cut_over('old', 'new')});
	my $pid = sql(q{SELECT pid FROM odoo_events.worker_status});
	sql("SELECT pg_terminate_backend($pid)");
	emit(++$n) foreach 1 .. 5;
	awaits("SELECT count(*) = 1 FROM odoo_events.worker_status WHERE pid <> $pid", 'another one has begun');
	awaits(sprintf(q{SELECT count(*) = %d FROM odoo_events.outbox WHERE type ~ 'acme'}, $n + 1), 'and publishes');
	is(scalar(grep { $_ > $n - 5 } accepted('/old'), accepted('/new')), 0, 'it leaves them alone');
	$session->query_safe('COMMIT');
	$session->quit;
	settled('new');
	is(join(' ', sort { $a <=> $b } grep { $_ > $n - 5 } accepted('/new')), join(' ', $n - 4 .. $n), 'until the place is handed over');
	my %times;
	$times{$_}++ foreach accepted('/old'), accepted('/new');
	is(scalar(grep { $_ > 1 } values %times), 0, 'and nothing came twice');
};

subtest 'a failure, and kill -9, when the places are written and not handed over' => sub {
	my $faults = $node->data_dir . '/oe_faults';
	mkdir $faults;
	foreach my $action ('error', 'kill')
	{
		PostgreSQL::Test::Utils::append_to_file("$faults/freeze-written.new", $action);
		rename "$faults/freeze-written.new", "$faults/freeze-written";
		my ($ret) = $node->psql($db, q{SELECT * FROM odoo_events.cut_back('new', 'old')});
		ok(OdooEvents::Receiver::wait_until(sub { !-e "$faults/freeze-written" }, "$action happened"), "$action happened");
		$node->poll_query_until($db, 'SELECT pid IS NOT NULL FROM odoo_events.worker_status');
		if ($action eq 'error')
		{
			is($ret, 0, 'an error of the worker only delays it');
			sql(q{SELECT * FROM odoo_events.cut_over('old', 'new')});
		}
		else
		{
			isnt($ret, 0, 'a crash of the server undoes it');
			is(sql(q{SELECT state FROM odoo_events.subscription WHERE name = 'new'}), 'active', 'the new one goes on');
		}
		emit(++$n) foreach 1 .. 3;
		settled('new');
	}
	my %times;
	$times{$_}++ foreach accepted('/old'), accepted('/new');
	is(scalar(keys %times), $n, 'all arrived') or diag join ' ', sort { $a <=> $b } grep { /^\d+$/ } keys %times;
	is(scalar(grep { $_ > 1 } values %times), 0, 'none twice');
};

subtest 'what cannot be cut' => sub {
	refused(q{SELECT odoo_events.cut_over('new', 'new')}, qr/cannot hand its place/);
	refused(q{SELECT odoo_events.cut_over('none', 'new')}, qr/does not exist/);
	sql(q{SELECT odoo_events.resume('old')});
	refused(q{SELECT odoo_events.cut_over('new', 'old')}, qr/subscription "old" sends already/);
	sql(q{SELECT odoo_events.subscribe('pull', NULL)});
	refused(q{SELECT odoo_events.cut_over('new', 'pull')}, qr/cannot hand its place/);
};

$node->stop;
done_testing();

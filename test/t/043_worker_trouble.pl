# A worker that fails at every turn: it says so, waits longer and longer, stays the same process, delivers what it can, and goes on when
# it is mended.  A worker that is stopped for a day of load: Odoo does not notice, the journal grows as docs/architecture.md says, and
# all is told in order afterwards.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooCrash;
use OdooEvents;
use Test::More;

my $node = OdooEvents->node('trouble', "odoo_events.restart_delay = '100ms'\n");
my $receiver = OdooEvents->receiver;
my $plant = OdooCrash->new($node, $receiver);
$plant->arm('maintain-ms', 100);
$plant->arm('backoff-ms', 100);
my $worker = q{SELECT pid, restarts FROM odoo_events.worker_status};
my $journal = q{SELECT sum(pg_total_relation_size(format('odoo_events.journal_%s', i))) FROM generate_series(0, 2) i};
ok($node->poll_query_until('plant', q{SELECT state = 'idle' FROM odoo_events.worker_status}), 'the worker is idle');

# The launcher ends; PostgreSQL starts another one after ten seconds, see below
my $launcher = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'odoo_events launcher'};
my $former = $node->safe_psql('postgres', $launcher);
$node->safe_psql('postgres', 'CREATE ROLE shut NOLOGIN');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($former)");

my ($same, $load, $idle);

sub launcher_has_looked
{
	my ($name) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name OWNER odoo");
	$node->safe_psql($name, 'CREATE EXTENSION odoo_events');
	return $node->poll_query_until($name, $idle);
}

sub held { my ($point) = @_; return OdooEvents::Receiver::wait_until(sub { -e "$plant->{faults}/$point.held" }, "$point is reached"); }

subtest 'a cycle of publishing that fails is repeated' => sub {
	$same = $node->safe_psql('plant', $worker);
	$node->safe_psql('plant', q{ALTER TABLE odoo_events.publish_cursor_0 ADD CONSTRAINT broken CHECK (false) NOT VALID;
		ALTER TABLE odoo_events.publish_cursor_1 ADD CONSTRAINT broken CHECK (false) NOT VALID});
	# something to deliver meanwhile: it was published before
	$load = $plant->load(20);
	$load->finish;
	ok($node->poll_query_until('plant', q{SELECT substring(state FROM '^publishing failed, again after (.*) s$')::float >= 0.8 FROM odoo_events.worker_status}),
		'the worker waits longer and longer');
	like($node->safe_psql('plant', 'SELECT last_error FROM odoo_events.worker_status'), qr/^publishing: .*broken/, 'it says what is wrong');
	is($node->safe_psql('plant', $worker), $same, 'it is the same process, not restarted');
	is($node->safe_psql('plant', 'SELECT count(*) FROM odoo_events.capture_error'), '0', 'nothing is lost');
	$node->safe_psql('plant', q{ALTER TABLE odoo_events.publish_cursor_0 DROP CONSTRAINT broken;
		ALTER TABLE odoo_events.publish_cursor_1 DROP CONSTRAINT broken});
	ok($node->poll_query_until('plant', q{SELECT count(*) = odoo_events._last_position() FROM audit}), 'mended, it goes on by itself');
	is($node->safe_psql('plant', $worker), $same, 'still the same process');
};

subtest 'publishing goes on while delivery cannot write its results' => sub {
	$node->safe_psql('plant', q{ALTER TABLE odoo_events.progress_0 ADD CONSTRAINT broken CHECK (false) NOT VALID;
		ALTER TABLE odoo_events.progress_1 ADD CONSTRAINT broken CHECK (false) NOT VALID});
	$load = $plant->load(20);
	$load->finish;
	ok($node->poll_query_until('plant', q{SELECT state ~ '^delivering failed, again after' FROM odoo_events.worker_status}), 'delivery waits');
	ok($node->poll_query_until('plant', q{SELECT count(*) = odoo_events._last_position() FROM audit}), 'publishing does not');
	$node->safe_psql('plant', q{ALTER TABLE odoo_events.progress_0 DROP CONSTRAINT broken;
		ALTER TABLE odoo_events.progress_1 DROP CONSTRAINT broken});
	ok($node->poll_query_until('plant', q{SELECT bool_and(lag_events = 0) AND (SELECT state = 'idle' FROM odoo_events.worker_status) FROM odoo_events.subscription_status WHERE name <> 'puller'}),
		'mended, it goes on by itself');
	is($node->safe_psql('plant', $worker), $same, 'the same process');
};

subtest 'the next launcher takes over the workers of the former one' => sub {
	ok($node->poll_query_until('postgres', qq{SELECT count(*) = 1 FROM ($launcher) x WHERE pid <> $former}), 'there is a launcher again');
	$node->safe_psql('postgres', 'CREATE DATABASE shut OWNER shut');
	ok($node->wait_for_log(qr/no worker of odoo_events for database "shut"/), 'it has looked around');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'odoo_events worker' AND datname = 'plant'}), '1', 'still one worker');
	is($node->safe_psql('plant', $worker), $same, 'the same process');
	my ($pid) = split /\|/, $same;
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	ok($node->poll_query_until('plant', "SELECT pid <> $pid AND state = 'idle' FROM odoo_events.worker_status"), 'terminated, it is followed by another one');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'odoo_events worker' AND datname = 'plant'}), '1', 'one');
};

subtest 'CREATE EXTENSION in the moment in which a worker leaves gets a worker' => sub {
	$idle = q{SELECT state = 'idle' FROM odoo_events.worker_status};
	$plant->arm('hold-leaving', 'wait');
	$node->safe_psql('postgres', 'CREATE DATABASE late OWNER odoo');
	ok(held('hold-leaving'), 'a worker has found no extension');
	$node->safe_psql('late', 'CREATE EXTENSION odoo_events');
	ok(launcher_has_looked('other'), 'the launcher has been told');
	$plant->release('hold-leaving');
	ok($node->poll_query_until('late', $idle), 'a worker comes when that one has left');
	$plant->arm($_, 'wait') foreach 'hold-leaving', 'hold-register';
	$node->safe_psql('postgres', 'CREATE DATABASE later OWNER odoo');
	ok(held('hold-leaving'), 'a worker has found no extension');
	my $creator = $node->background_psql('later');
	$creator->query_until(qr/creates/, "\\echo creates\nCREATE EXTENSION odoo_events;\n");
	ok(held('hold-register'), 'CREATE EXTENSION is committed, and the launcher not yet told');
	$plant->release('hold-leaving');
	ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'odoo_events worker' AND datname = 'later'}), 'the worker has left');
	ok(launcher_has_looked('another'), 'and the launcher knows that');
	$plant->release('hold-register');
	$creator->quit;
	ok($node->poll_query_until('later', $idle), 'a worker comes all the same');
	$node->safe_psql('postgres', "DROP DATABASE $_") foreach 'late', 'other', 'later', 'another';
};

subtest 'a day without a worker is caught up with' => sub {
	$node->safe_psql('plant', q{ALTER SYSTEM SET odoo_events.databases = 'none-such'});
	$node->reload;
	$node->safe_psql('plant', q{SELECT pg_terminate_backend(pid) FROM odoo_events.worker_status});
	ok($node->poll_query_until('plant', 'SELECT pid IS NULL FROM odoo_events.worker_status'), 'the worker is stopped');
	my $position = $node->safe_psql('plant', 'SELECT odoo_events._last_position()');
	my $audit = $node->safe_psql('plant', 'SELECT count(*) FROM audit');
	my $size = $node->safe_psql('plant', $journal);
	$load = $plant->load(1000, 0);
	$load->finish;
	is($load->result(0), 0, 'three thousand transactions of Odoo go on as ever');
	my $changes = $node->safe_psql('plant', 'SELECT count(*) FROM audit') - $audit;
	my $bytes = ($node->safe_psql('plant', $journal) - $size) / $changes;
	cmp_ok($bytes, '<', 1500, 'the journal grows by no more bytes per change than stated');
	note sprintf '%d changes, %.0f bytes of journal each', $changes, $bytes;
	is($node->safe_psql('plant', 'SELECT odoo_events._last_position()'), $position, 'nothing is published');
	is($node->safe_psql('plant', 'SELECT count(*) FROM odoo_events.capture_error'), '0', 'nothing is lost');
	like($node->safe_psql('plant', q{SELECT status || ': ' || detail FROM odoo_events.health() WHERE "check" = 'worker'}), qr/^critical: no worker/, 'health says so');
	$node->safe_psql('plant', q{ALTER SYSTEM RESET odoo_events.databases});
	$node->reload;
	$plant->verify;
	# the worker turns its rings while it works
	$load = $plant->load(5);
	$load->finish;
	ok($node->poll_query_until('plant', "SELECT ($journal) < $size + 1000000"), 'and the journal is small again');
	# what it writes is counted, so that autovacuum and autoanalyze see it
	ok($node->poll_query_until('plant', q{SELECT sum(n_tup_ins) FILTER (WHERE relname ~ '^outbox_') > 1000 AND sum(n_tup_ins) FILTER (WHERE relname ~ '^progress_') > 0
		FROM pg_stat_user_tables WHERE schemaname = 'odoo_events'}), 'the statistics know what the worker writes');
};

$node->stop;
done_testing();

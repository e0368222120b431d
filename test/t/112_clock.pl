# once: what waits for a time waits in the same way on all versions
# A clock that is set back or forward by a day: what waits to be sent waits no longer and no shorter for it, nothing expires by it, and what a worker
# before the change wrote down holds for the next one.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Spec;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir);
chmod 0755, $dir;
system_or_bail('cc', '-shared', '-fPIC', '-o', "$dir/clock.so", "$FindBin::RealBin/../lib/clock.c", '-ldl');

# Sets the clock so many seconds off the real one.
sub set_clock
{
	my ($offset) = @_;
	open my $fh, -e "$dir/clock" ? '+<' : '>', "$dir/clock" or die "$dir/clock: $!";
	syswrite $fh, pack('q', $offset) or die $!;
	close $fh;
	return;
}
set_clock(0);
my ($node, $receiver);
{
	local $ENV{LD_PRELOAD} = "$dir/clock.so";
	local $ENV{OE_CLOCK} = "$dir/clock";
	$node = OdooEvents->node('clock', "odoo_events.restart_delay = '100ms'\n");
	$receiver = OdooEvents->receiver;
}
my $db = 'plant';
my $day = 86400;
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
$node->safe_psql($db, q{CREATE EXTENSION odoo_events; SELECT odoo_events.arm();
CREATE FUNCTION make(n int) RETURNS void LANGUAGE sql AS $$
  SELECT odoo_events._emit('odoo.platform.test.made.v1', 'test/' || i, jsonb_build_object('n', i), 'test:' || i) FROM generate_series(1, n) i $$});

sub sql { return $node->safe_psql($db, $_[0]) }
sub subscribe { my ($name, $more) = @_; return $receiver->subscribe($node, $db, $name, "/$name", $more) }
sub status { return OdooEvents::status($node, $db, @_) }
sub delivered { return OdooEvents::delivered($node, $db, @_) }

# Two hours from now, by the clock as it is.
my $two_hours = q{next_attempt_at BETWEEN now() + interval '1 h 40 min' AND now() + interval '2 h 20 min'};

foreach my $case ([ 'back', -$day ], [ 'forward', $day ])
{
	my ($way, $offset) = @$case;
	subtest "set $way by a day" => sub {
		set_clock(0);
		subscribe('soon', q{retry_schedule => '{3s,1h}'});
		subscribe('later', q{retry_schedule => '{2h}', expire_after => '12h'});
		subscribe('limited', q{rate_limit => 1, rate_burst => 1, ordering => 'none'});
		subscribe('batch', q{format => 'batch', batch_size => 50, batch_wait => '3s'});
		$receiver->misbehave({ path => '^/soon$', status => 500, times => 1 }, { path => '^/later$', status => 500, times => 1 });
		sql('SELECT make(1)');
		ok(status($_, 'parked = 1 AND failed_total = 1'), "$_: an event waits for its retry") foreach qw(soon later);
		set_clock($offset);
		ok(delivered('soon'), 'three seconds later it is tried again, not a day');
		ok(status('later', $two_hours), 'what is due in two hours still is');
		ok(delivered('limited') && delivered('batch'), 'a rate and a batch that waits go on');
		sql('SELECT make(2)');
		ok(delivered($_), "$_: what comes then is delivered and written down") foreach qw(soon limited batch);
		is(sql(q{SELECT dead_letters FROM odoo_events.subscription_status WHERE name = 'later'}), 0, 'nothing has expired');
		sql(q{SELECT odoo_events.retry_now('later')});
		ok(delivered('later'), 'and it can still be sent');
		is(sql(q{SELECT count(*) FROM odoo_events.attempt WHERE duration > '10 min' OR duration < '0'}), 0, 'no attempt has taken a day');
		sql('SELECT odoo_events.unsubscribe(name) FROM odoo_events.subscription');
		$receiver->misbehave();
	};
}

subtest 'set back while no worker runs' => sub {
	set_clock(0);
	subscribe('kept', q{retry_schedule => '{2h}'});
	$receiver->misbehave({ path => '^/kept$', status => 500 });
	sql('SELECT make(1)');
	ok(status('kept', 'parked = 1 AND failed_total = 1'), 'an event waits for its retry');
	$node->safe_psql('postgres', q{ALTER SYSTEM SET odoo_events.databases = 'none-such'});
	$node->reload;
	sql(q{SELECT pg_terminate_backend(pid, 10000) FROM odoo_events.worker_status});
	set_clock(-$day);
	$node->safe_psql('postgres', q{ALTER SYSTEM RESET odoo_events.databases});
	$node->reload;
	sql(q{SELECT odoo_events._wake('register')});
	ok(status('kept', $two_hours), 'the next worker waits no longer than the one before would have');
};
subtest 'a worker that ended before the clock was set back is started again' => sub {
	set_clock($day);
	my $pid = sql('SELECT pid FROM odoo_events.worker_status');
	$node->safe_psql('postgres', q{ALTER SYSTEM SET odoo_events.restart_delay = '2s'});
	$node->reload;
	sql("SELECT pg_terminate_backend($pid)");
	ok($node->poll_query_until($db, q{SELECT pid IS NULL FROM odoo_events.worker_status}), 'the worker has ended');
	set_clock(0);
	# the launcher looks at the time within a minute by itself
	ok(OdooEvents::Receiver::wait_until(sub { $node->reload; $node->safe_psql($db, q{SELECT pid IS NOT NULL FROM odoo_events.worker_status}) eq 't' }), 'another one runs');
};

$node->stop;
done_testing();

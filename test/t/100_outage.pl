# once: how long an endpoint is left alone has nothing to do with PostgreSQL's version
# check-all: it waits for probes of an endpoint
# An endpoint that is away for three seconds, under default settings: everything arrives within ten seconds of its return, the log has a
# line for each change of the breaker, and health() tells of an endpoint that comes and goes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = OdooEvents->node('outage');
my $receiver = OdooEvents->receiver;
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
$node->safe_psql($db, q{CREATE EXTENSION odoo_events; SELECT odoo_events.arm();
CREATE FUNCTION make(n int) RETURNS void LANGUAGE sql AS $$
  SELECT odoo_events._emit('odoo.platform.test.made.v1', 'test/' || i, jsonb_build_object('n', i), 'test:' || i) FROM generate_series(1, n) i $$});

sub sql { return $node->safe_psql($db, $_[0]) }
sub status { return OdooEvents::status($node, $db, @_) }

my %orders = (keyed => q{}, free => q{ordering => 'none'}, strict => q{ordering => 'strict'}, batched => q{format => 'batch', batch_size => 5});

subtest 'after an outage of three seconds everything arrives within ten' => sub {
	$receiver->subscribe($node, $db, $_, "/$_", $orders{$_}) foreach sort keys %orders;
	$receiver->misbehave({ path => '.', status => 503 });
	my $away = time;
	sql('SELECT make(200)');
	# away for three seconds: the time is the subject here, not a guess at when something has happened
	$node->poll_query_until($db, 'SELECT true') while time < $away + 3;
	$receiver->misbehave();
	my $back = time;
	ok(status($_, q{delivered_total = 200 AND lag_events = 0 AND breaker = 'closed'}), "$_: all has arrived") foreach sort keys %orders;
	# each probe comes after at most as long as the endpoint was away by then, and the one that finds it there brings everything
	my $longest = int(2000 + 2000 * ($back - $away));
	is(sql("SELECT count(*) FROM odoo_events.subscription_progress WHERE probe_ms > $longest"), '0', "no probe came later than $longest ms after the one before");
	is(sql(q{SELECT count(*) FROM (SELECT a.at - (SELECT p.openings[1] FROM odoo_events.subscription_progress p WHERE p.name = a.subscription) AS gap
		FROM odoo_events.attempt a) x WHERE gap > '0' AND gap < '0.99 s'}), '0', 'nothing is sent for a second after the breaker opened');
};

subtest 'the log tells once of each change' => sub {
	my $log = slurp_file($node->logfile);
	my @opened = $log =~ /LOG:  subscription "keyed": the breaker is open/g;
	my @closed = $log =~ /LOG:  subscription "keyed": the breaker is closed/g;
	is(@opened . ' ' . @closed, '1 1', 'one line when the breaker opens, one when it closes');
	unlike($log, qr/whsec_|"n":/, 'neither secrets nor bodies');
};

subtest 'health() warns of an endpoint that comes and goes' => sub {
	foreach my $round (2 .. 3)
	{
		$receiver->misbehave({ path => '^/free$', status => 503 });
		sql('SELECT make(20)');
		ok(status('free', "breaker = 'open'"), "opening $round");
		$receiver->misbehave();
		ok(status('free', "breaker = 'closed' AND lag_events = 0"), "closing $round");
	}
	like(sql(q{SELECT status || ': ' || detail FROM odoo_events.health() WHERE "check" = 'subscription free'}), qr/^warn: its endpoint comes and goes: the breaker opened 3 times/, 'it says how often');
	is(sql(q{SELECT status FROM odoo_events.health() WHERE "check" = 'subscription keyed'}), 'ok', 'one outage is no reason to warn');
};

$node->stop;
done_testing();

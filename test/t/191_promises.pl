# Promises in the worker: a week with the clock moved, over the change to summer time, agrees with an account in another language; what is broken
# is told though nothing happens, once whatever is broken off, and after a day without a worker; SLAs and calendars are in a dump.
# once: calendars and promises do not depend on the version
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Spec;
use IPC::Run;
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::Local qw(timegm);

my $dir = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir);
chmod 0755, $dir;
system_or_bail('cc', '-shared', '-fPIC', '-o', "$dir/clock.so", "$FindBin::RealBin/../lib/clock.c", '-ldl');

# Sets the server's clock.
my $offset = 0;
sub set_clock
{
	($offset) = @_;
	open my $fh, -e "$dir/clock" ? '+<' : '>', "$dir/clock" or die "$dir/clock: $!";
	syswrite $fh, pack('q', $offset) or die $!;
	close $fh;
	return;
}
# Friday before summer time begins in Brussels, 06:30 there
set_clock(timegm(0, 30, 5, 26, 2, 2027) - time);
my $node;
{
	local $ENV{LD_PRELOAD} = "$dir/clock.so";
	local $ENV{OE_CLOCK} = "$dir/clock";
	$node = OdooEvents->node('promises', "odoo_events.restart_delay = '100ms'\nrestart_after_crash = on\n");
}
my $faults = $node->data_dir . '/oe_faults';
mkdir $faults;
my $seed = $ENV{SEED} // 16;
srand $seed;
note "SEED=$seed";
$node->safe_psql('postgres', 'CREATE DATABASE plant OWNER odoo');
my $hours = '{"mon": ["08:00-12:00", "13:00-17:00"], "tue": ["06:00-22:00"], "wed": ["08:00-17:00"], "thu": ["08:00-17:00"], "fri": ["08:00-16:00"], "sun": ["01:00-04:00"]}';
$node->safe_psql('plant', qq{SET client_min_messages = error;
CREATE EXTENSION odoo_events;
CREATE FUNCTION tell(verb text, doc int) RETURNS void LANGUAGE sql AS \$\$
  SELECT odoo_events.emit('acme.sales.order.' || verb || '.v1', 'order/' || doc, '{}', key => 'order:' || doc, correlation => 'order:' || doc) \$\$;
SELECT odoo_events.define_calendar('plant', 'Europe/Brussels', '$hours', holidays => '{2027-03-29}');
SELECT odoo_events.define_sla(n, '{acme.sales.order.confirmed.v1}', '{acme.sales.order.shipped.v1}', stops => '{acme.sales.order.cancelled.v1}',
         pauses => '{acme.sales.order.held.v1}', resumes => '{acme.sales.order.released.v1}', within => w, calendar => c, cut_off => o)
  FROM (VALUES ('hours', interval '3 hours', 'plant', NULL::time), ('day', '1 day', 'plant', '14:00'), ('plain', '90 min', NULL, NULL),
               ('both', '2 days 1.5 hours', 'plant', NULL), ('measured', NULL, NULL, NULL)) v(n, w, c, o)});

# The worker has read all events, told what time asks for, and published that.
sub follows
{
	$node->safe_psql('plant', q{SELECT odoo_events._wake('config')});
	return $node->poll_query_until('plant', q{SELECT (SELECT c.position FROM odoo_events.process_cursor c ORDER BY c.n DESC LIMIT 1) = odoo_events._last_position()
	  AND NOT EXISTS (SELECT 1 FROM odoo_events.journal j WHERE NOT odoo_events._is_published(j.xid, j.id))
	  AND NOT EXISTS (SELECT 1 FROM odoo_events.promise p JOIN odoo_events.promise_last l USING (id)
	       WHERE p.state IN ('open', 'at_risk') AND p.due_at < clock_timestamp() - interval '1 s' OR p.state = 'open' AND l.warn_at < clock_timestamp() - interval '1 s')});
}
sub told { my ($kind, $more) = @_; return $node->safe_psql('plant', "SELECT count(*) FROM odoo_events.outbox WHERE type = 'odoo.process.promise.$kind.v1'" . ($more ? " AND $more" : '')) }

subtest 'a week of orders agrees with the other account' => sub {
	foreach my $step (1 .. 160)
	{
		set_clock($offset + int rand 5400);
		my $verb = (qw(confirmed confirmed confirmed shipped shipped held released cancelled))[ rand 8 ];
		$node->safe_psql('plant', "SELECT tell('$verb', " . int(rand 12) . ')');
		follows() if $step % 40 == 0;
	}
	ok(follows(), 'the worker follows');
	my $events = $node->safe_psql('plant', q{SELECT json_agg(json_build_object('type', type, 'document', correlationid, 'time', (extract(epoch FROM time) * 1000000)::int8) ORDER BY position)
	  FROM odoo_events.outbox WHERE type LIKE 'acme.%'});
	my $now = $node->safe_psql('plant', q{SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8});
	my $given = encode_json({
		now => 0 + $now, events => decode_json($events), calendars => { plant => { timezone => 'Europe/Brussels', hours => decode_json($hours), holidays => ['2027-03-29'] } },
		slas => [
			{ name => 'hours', hours => 3, calendar => 'plant' }, { name => 'day', days => 1, calendar => 'plant', cut_off => '14:00' },
			{ name => 'plain', hours => 1.5 }, { name => 'both', days => 2, hours => 1.5, calendar => 'plant' }, { name => 'measured' }
		]
	});
	my ($account, $err) = ('', '');
	IPC::Run::run([ 'python3', "$FindBin::RealBin/../lib/promises.py" ], '<', \$given, '>', \$account, '2>', \$err);
	is($err, '', 'the other account is made');
	my $ours = $node->safe_psql('plant', q{SELECT concat_ws(' ', sla, document, us(started_at), state, us(due_at), us(ended_at))
	  FROM odoo_events.promise ORDER BY sla COLLATE "C", document COLLATE "C", started_at} =~ s/us\((\w+)\)/COALESCE((extract(epoch FROM $1) * 1000000)::int8::text, '-')/gr);
	my @lines = split /\n/, $ours;
	cmp_ok(scalar(@lines), '>', 80, 'there are many promises');
	foreach my $state (qw(met met_late breached cancelled))
	{
		ok(scalar(grep { / $state / } @lines), "some are $state");
	}
	is($ours, $account =~ s/\n$//r, 'each promise is as it says, to the microsecond');
	is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.promise p WHERE (p.told_at IS NOT NULL)::int <>
	  (SELECT count(*) FROM odoo_events.outbox o WHERE o.type = 'odoo.process.promise.breached.v1' AND (o.event::jsonb #>> '{data,promise,id}')::int8 = p.id)}), '0', 'each breach is told once');
	is(told('met_late'), $node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.promise WHERE state = 'met_late'}), 'each late end is told once');
};

subtest 'a breach is told once wherever the worker dies' => sub {
	my $doc = 100;
	foreach (['promise-told', 'kill'], ['promise-written', 'kill'], ['reader-committed', 'kill'], ['promise-told', 'error'], ['promise-written', 'terminate'])
	{
		my ($point, $action) = @$_;
		$doc++;
		$node->safe_psql('plant', "SELECT tell('confirmed', $doc)");
		follows();
		open my $file, '>', "$faults/$point" or die $!;
		print $file $action;
		close $file;
		chmod 0666, "$faults/$point";
		set_clock($offset + 5500);
		eval { $node->psql('plant', q{SELECT odoo_events._wake('config')}) };
		OdooEvents::Receiver::wait_until(sub { !-e "$faults/$point" }, "$point is passed");
		$node->poll_query_until('plant', 'SELECT true');
		ok(follows(), "$point, $action: the worker is back");
		is(told('breached', "correlationid = 'order:$doc' AND event::jsonb #>> '{data,promise,sla}' = 'plain'"), '1', 'one event');
		is($node->safe_psql('plant', "SELECT state FROM odoo_events.promise WHERE document = 'order:$doc' AND sla = 'plain'"), 'breached', 'and the promise is broken');
	}
};

subtest 'a day without a worker: each breach is told with its due time' => sub {
	$node->safe_psql('plant', q{SELECT tell('confirmed', 200)});
	follows();
	$node->stop;
	set_clock($offset + 86400);
	{
		local $ENV{LD_PRELOAD} = "$dir/clock.so";
		local $ENV{OE_CLOCK} = "$dir/clock";
		$node->start;
	}
	ok(follows(), 'the worker is back');
	is($node->safe_psql('plant', q{SELECT state, told_at - due_at > interval '20 hours', due_at = started_at + interval '90 min' FROM odoo_events.promise WHERE document = 'order:200' AND sla = 'plain'}),
		'breached|t|t', 'told late, due in time');
	is(told('breached', q{correlationid = 'order:200' AND event::jsonb #>> '{data,promise,sla}' = 'plain' AND (event::jsonb #>> '{data,promise,overdue_seconds}')::numeric > 72000}), '1', 'once');
};

subtest 'an exception that nobody takes is escalated once' => sub {
	open my $file, '>', "$faults/escalate-ms" or die $!;
	print $file 10;
	close $file;
	$node->safe_psql('plant', q{SELECT odoo_events.take_exception(id, 'Ann') FROM odoo_events.exception WHERE sla <> 'plain'});
	$node->safe_psql('plant', q{SELECT odoo_events.set_care(types => '{odoo.process.promise.breached.v1}', owner => 'Dock', escalation => '{"after": "30 min", "contact": "duty@example.com"}')});
	my $escalated = q{SELECT string_agg(event::jsonb #>> '{data,exception,sla}' || ' ' || (event::jsonb #>> '{data,exception,escalated_to}'), ',') FROM odoo_events.outbox WHERE type = 'odoo.platform.exception.escalated.v1'};
	ok($node->poll_query_until('plant', "SELECT ($escalated) = 'plain duty\@example.com'"), 'the one that nobody has taken');
	$node->safe_psql('plant', q{SELECT tell('confirmed', 300)});
	follows();
	is($node->safe_psql('plant', $escalated), 'plain duty@example.com', 'once');
};

subtest 'calendars and SLAs are in a dump' => sub {
	my $dump = "$dir/dump.sql";
	$node->safe_psql('postgres', 'CREATE DATABASE copy OWNER odoo');
	$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('plant') ], 'dumped');
	$node->command_ok([ 'psql', '-qX', '-d', $node->connstr('copy'), '-f', $dump ], 'restored');
	my $config = q{SELECT (SELECT json_agg(c ORDER BY name) FROM odoo_events.calendar c), (SELECT json_agg(s ORDER BY name) FROM odoo_events.sla s),
	  (SELECT count(*) FROM odoo_events.sla_terms WHERE until IS NULL)};
	is($node->safe_psql('copy', $config), $node->safe_psql('plant', $config), 'the same');
};

$node->stop;
done_testing();

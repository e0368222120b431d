# Traces: the spans of an event are one tree, from the click in Odoo to the receiver's own; a collector that is away or hangs costs events nothing.
# check-all: OpenTelemetry's own library judges
# once: spans are made and sent outside of PostgreSQL's versions
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $collector = OdooEvents->receiver;
my %takes = (path => '/v1/traces', status => 200, body => '{}');
$collector->misbehave(\%takes);
my $receiver = OdooEvents->receiver;
my $node = OdooEvents->node('traces', "odoo_events.otlp_endpoint = '" . $collector->url('') . "'\nodoo_events.otlp_headers = 'api-key=k1, x-scope=plant 1'\n");
my $db = 'plant';
OdooEvents->load($node, $db, 'odoo19');
$node->safe_psql($db, q{SELECT odoo_events.arm()});

# Spans that the collector has, each with its attributes as a hash.
sub spans
{
	my @spans;
	foreach my $request (grep { $_->{path} eq '/v1/traces' } $collector->ledger)
	{
		foreach my $resource (@{ decode_json($request->{body})->{resourceSpans} })
		{
			push @spans, map { @{ $_->{spans} } } @{ $resource->{scopeSpans} };
		}
	}
	foreach my $span (@spans)
	{
		$span->{of} = { map { $_->{key} => $_->{value}{stringValue} // $_->{value}{intValue} } @{ $span->{attributes} } };
	}
	return @spans;
}

# An event within a trace; answers the event's id.
sub emit
{
	my ($traceparent, $key) = @_;
	return $node->safe_psql($db, qq{
BEGIN;
SET LOCAL odoo_events.traceparent = '$traceparent';
SELECT odoo_events.emit('test.plant.thing.done.v1', 'thing/$key', '{"n": 1}');
COMMIT;});
}
sub trace_id { return sprintf '%031x%d', $_[0], 1 }
sub await_spans
{
	my ($n, $what, $condition) = @_;
	OdooEvents::Receiver::wait_until(sub { $n <= grep { $condition->($_) } spans() }, $what);
	return grep { $condition->($_) } spans();
}

$receiver->subscribe($node, $db, 'wms', '/wms');

subtest 'the spans of an event are one tree' => sub {
	my $trace = trace_id(1);
	my $id = emit("00-$trace-00000000000000aa-01", 1);
	my @spans = await_spans(2, 'both spans arrive', sub { $_[0]{traceId} eq $trace });
	my ($made) = grep { $_->{kind} == 4 } @spans;
	my ($sent) = grep { $_->{kind} == 3 } @spans;
	is($made->{name}, 'create test.plant.thing.done.v1', 'the event is made');
	is($made->{parentSpanId}, '00000000000000aa', 'within the click');
	is($made->{of}{'cloudevents.event_id'}, $id, 'its id is an attribute');
	is($sent->{name}, 'send wms', 'it is sent');
	is($sent->{parentSpanId}, $made->{spanId}, 'after it was made');
	is($sent->{of}{'http.response.status_code'}, 204, 'with the answer');
	is($sent->{of}{'server.address'}, '127.0.0.1', 'to the endpoint');
	cmp_ok($made->{startTimeUnixNano}, '<=', $sent->{endTimeUnixNano}, 'times are in order');
	my ($request) = grep { $_->{webhook_id} eq $id } $receiver->ledger;
	is($request->{headers}{traceparent}, "00-$trace-$sent->{spanId}-01", 'the receiver gets the span that sent it as its parent');
	my ($export) = grep { $_->{path} eq '/v1/traces' } $collector->ledger;
	is($export->{headers}{'api-key'}, 'k1', 'the collector gets its headers');
	is($export->{headers}{'x-scope'}, 'plant 1', 'all of them');
};

subtest 'a failed request is an error, and each attempt a span' => sub {
	my $trace = trace_id(2);
	$receiver->misbehave({ path => '/wms', status => 503, times => 1 });
	emit("00-$trace-00000000000000aa-01", 2);
	await_spans(1, 'the first attempt arrives', sub { $_[0]{traceId} eq $trace && $_[0]{kind} == 3 });
	$node->safe_psql($db, q{SELECT odoo_events.retry_now('wms')});
	my @sent = await_spans(2, 'two attempts arrive', sub { $_[0]{traceId} eq $trace && $_[0]{kind} == 3 });
	my ($failed) = grep { $_->{status} } @sent;
	is($failed->{status}{code}, 2, 'the first is an error');
	is($failed->{of}{'error.type'}, '503', 'by its status');
	my ($again) = grep { !$_->{status} } @sent;
	is($again->{of}{'http.request.resend_count'}, 1, 'the second says that it is one');
	isnt($again->{spanId}, $failed->{spanId}, 'each has an id of its own');
};

subtest 'a batch links to the traces of its events' => sub {
	my @traces = map { trace_id(10 + $_) } 1 .. 3;
	$node->safe_psql($db, q{SELECT odoo_events.unsubscribe('wms')});
	$receiver->subscribe($node, $db, 'lake', '/lake', q{format => 'batch', batch_size => 3, batch_wait => '1 min'});
	emit("00-$traces[$_]-00000000000000aa-01", "b$_") foreach 0 .. 2;
	my ($span) = await_spans(1, 'the batch arrives', sub { ($_[0]{of}{'messaging.batch.message_count'} // 0) == 3 });
	is_deeply([ sort map { $_->{traceId} } @{ $span->{links} } ], [ sort @traces ], 'three links');
	my %made = map { $_->{traceId} => $_->{spanId} } grep { $_->{kind} == 4 } spans();
	is_deeply([ map { $_->{spanId} } @{ $span->{links} } ], [ map { $made{ $_->{traceId} } } @{ $span->{links} } ], 'each to the span that made the event');
};

subtest 'what nobody samples is not exported' => sub {
	my ($not, $yes) = (trace_id(20), trace_id(21));
	emit("00-$not-00000000000000aa-00", 'c1');
	$node->safe_psql($db, q{SELECT odoo_events.emit('test.plant.thing.done.v1', 'thing/c2', '{}')});
	emit("00-$yes-00000000000000aa-01", 'c3');
	await_spans(1, 'the sampled one arrives', sub { $_[0]{traceId} eq $yes && $_[0]{kind} == 3 || ($_[0]{of}{'messaging.batch.message_count'} // 0) == 3 && grep { $_->{traceId} eq $yes } @{ $_[0]{links} } });
	is(scalar(grep { $_->{traceId} eq $not } spans()), 0, 'not the other');
	is(scalar(grep { ($_->{of}{'cloudevents.event_subject'} // '') eq 'thing/c2' } spans()), 0, 'nor an event without a trace');
};

subtest 'requests are OTLP' => sub {
	my $file = PostgreSQL::Test::Utils::tempdir . '/requests';
	append_to_file($file, "$_->{body}\n") foreach grep { $_->{path} eq '/v1/traces' } $collector->ledger;
	my $output = '';
	IPC::Run::run([ 'node', "$FindBin::RealBin/../pages/otlp.mjs", $file ], '<', File::Spec->devnull, '>', \$output, '2>&1');
	is($output, '', 'the definitions find nothing');
	append_to_file("$file.bad", '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00","kind":3,"nonsense":1}]}]}]}' . "\n");
	IPC::Run::run([ 'node', "$FindBin::RealBin/../pages/otlp.mjs", "$file.bad" ], '<', File::Spec->devnull, '>', \$output, '2>&1');
	like($output, qr/traceId is "00".*nonsense is not in the definitions/s, 'what is wrong would be found');
};

# A figure of metrics().
sub figure
{
	my ($outcome) = @_;
	return $node->safe_psql($db, qq{SELECT COALESCE(sum(value), 0) FROM odoo_events.metrics() WHERE name = 'odoo_events_spans_total' AND labels ->> 'outcome' = '$outcome'});
}

subtest 'a collector that hangs or is away costs events nothing' => sub {
	$node->safe_psql($db, q{SELECT odoo_events.unsubscribe('lake')});
	$receiver->subscribe($node, $db, 'again', '/again');
	cmp_ok(figure('exported'), '>', 0, 'exported spans are counted');
	$collector->misbehave({ path => '/v1/traces', hang => JSON::PP::true });
	emit('00-' . trace_id(30) . '-00000000000000aa-01', "d$_") foreach 1 .. 3;
	ok(OdooEvents::delivered($node, $db, 'again'), 'events arrive while it hangs');
	$collector->stop;
	OdooEvents::Receiver::wait_until(sub { figure('dropped') > 0 }, 'spans are dropped');
	emit('00-' . trace_id(31) . '-00000000000000aa-01', "e$_") foreach 1 .. 3;
	ok(OdooEvents::delivered($node, $db, 'again'), 'events arrive while it is away');
	like(slurp_file($node->logfile), qr/traces cannot be exported: the collector does not answer/, 'the log says so');
	$collector->misbehave(\%takes);
	$collector->start;
	my $trace = trace_id(32);
	emit("00-$trace-00000000000000aa-01", 'f');
	await_spans(1, 'spans arrive again', sub { $_[0]{traceId} eq $trace });
	pass('and it is used again when it is back');
};

subtest 'settings that cannot work are refused' => sub {
	my (undef, undef, $error) = $node->psql($db, q{ALTER SYSTEM SET odoo_events.otlp_endpoint = '127.0.0.1:4318'});
	like($error, qr/begins with http:\/\/ or https:\/\//, 'an endpoint without a scheme');
	(undef, undef, $error) = $node->psql($db, q{ALTER SYSTEM SET odoo_events.otlp_headers = 'api key'});
	like($error, qr/name=value/, 'headers without a value');
};

$node->stop;
done_testing;

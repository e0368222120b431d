# once: what is sent is made from the event's text alone
# check-all: a receiver in Node judges them with public libraries
# Formats, thin payload, clearance: every event of a recorded day, as each of a dozen subscriptions gets it, against what the outbox
# holds; the same bytes on retries, and in replays after the catalog has changed; dry runs.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooEvents;
use Test::More;

my $node = OdooEvents->node('formats', "odoo_events.restart_delay = '200ms'\n");
OdooEvents->load($node, 'plant', 'odoo19');
$node->safe_psql('plant', q{SELECT odoo_events.attach('{stock_move,transfer,sales_order}')});
my $receiver = OdooEvents->receiver;
my $all = q{clearance => '{public,internal,confidential,personal}'};
my %subscriptions = (
	all => $all,
	default => '',
	thin => "payload => 'thin', $all",
	public => q{clearance => '{public}'},
	binary => "format => 'binary', $all",
	binary_default => q{format => 'binary'},
	standard => "format => 'standard', $all",
	standard_thin => q{format => 'standard', payload => 'thin'},
	batch => q{format => 'batch', batch_size => 20},
	filtered => q{filter => 'exists($.data.transfer.partner)'},
);
$receiver->subscribe($node, 'plant', $_, "/$_", $subscriptions{$_}) foreach sort keys %subscriptions;
# and to libraries that nobody here wrote
my $libraries = OdooEvents->receiver('node');
my %public = (structured => '', public_binary => q{format => 'binary'}, public_batch => "format => 'batch', batch_size => 7, payload => 'thin'", public_standard => q{format => 'standard'});
$libraries->subscribe($node, 'plant', $_, "/$_", $public{$_}) foreach sort keys %public;
$receiver->misbehave({ path => '^/default', hold => 1 });
$node->safe_psql('plant', qq{SELECT odoo_events.emit('acme.plant.gate.passed.v1', 'gate/Süd "7" 100%', '{"gate": {"id": 7, "name": "Süd", "seal": "x\\\\ny"}, "note": "é€😀"}')});
OdooEvents->replay($node, 'plant', 'odoo19-sales');
# a worker that is killed while some are on their way: the next one takes them up again
ok($node->poll_query_until('plant', q{SELECT position >= (SELECT max(position) FROM odoo_events.outbox) AND in_flight > 0 FROM odoo_events.subscription_status WHERE name = 'default'}), 'some are on their way');
my $worker = $node->safe_psql('plant', 'SELECT pid FROM odoo_events.worker_status');
$node->safe_psql('plant', "SELECT pg_terminate_backend($worker)");
ok($node->poll_query_until('plant', "SELECT pid <> $worker FROM odoo_events.worker_status"), 'another worker');
$receiver->misbehave({ status => 503, probability => 0.1, seed => 7, headers => { 'Retry-After' => 1 } });

my $json = JSON::PP->new->canonical->utf8(0);
# The fields that need more than the default clearance, as the catalog says, by the part or entity they are of.
my %hidden = map { $_ => 1 } split /\n/, $node->safe_psql('plant', q{
	SELECT DISTINCT COALESCE(p.part, f.owner) || '.' || f.field FROM odoo_events.field f LEFT JOIN odoo_events.part p ON p.owner = f.owner
	 WHERE f.classification IN ('confidential', 'personal') AND COALESCE(p.entity, f.owner) IN ('stock_move', 'transfer', 'sales_order')});
my %text;

# The frozen events, by id.
sub outbox
{
	my $rows = $node->safe_psql('plant', q{SELECT event FROM odoo_events.outbox ORDER BY position});
	utf8::decode($rows);
	%text = ();
	foreach my $line (split /\n/, $rows)
	{
		$line =~ /"id":"([0-9a-f-]{36})"/ or die $line;
		$text{$1} = $line;
	}
	return;
}

# What is left of an object of this owner for those who may not see all, and what is not.
my %lost;

sub visible
{
	my ($owner, $object) = @_;
	my %left;
	foreach my $name (keys %$object)
	{
		if ($hidden{"$owner.$name"}) { $lost{"$owner.$name"} = 1 }
		else { $left{$name} = $name eq 'lines' ? lines($object->{lines}) : $object->{$name} }
	}
	return \%left;
}

sub lines
{
	my ($lines) = @_;
	return [ map { visible($_->{part}, $_) } @$lines ];
}

# An event as the outbox has it, without what the default clearance leaves out.
sub redacted
{
	my ($event) = @_;
	my ($data, %left) = ($event->{data}, %{ $event->{data} });
	%lost = ();
	my ($entity) = grep { !/^(?:transition|changes|lines|lines_read_at|note)$/ } keys %$data;
	$left{$entity} = visible($entity, $data->{$entity});
	$left{lines} = lines($data->{lines}) if $data->{lines};
	$left{changes} = [ map { +{ %$_, fields => visible($_->{part}, $_->{fields}) } } @{ $data->{changes} } ] if $data->{changes};
	return { %$event, data => \%left, dataclassification => 'internal' };
}

# the last of the day: when it is there, all are
$node->safe_psql('plant', q{SELECT odoo_events.emit('acme.plant.gate.passed.v1', 'gate/last', '{"gate": {"id": 8}, "note": "last"}')});
ok($node->poll_query_until('plant', q{SELECT count(*) = 1 FROM odoo_events.outbox WHERE subject = 'gate/last'}), 'there are events');
ok($node->poll_query_until('plant', q{SELECT bool_and(lag_events = 0) FROM odoo_events.subscription_status}), 'all is delivered');
outbox();
my %event = map { $_ => $json->decode($text{$_}) } keys %text;
my @people = grep { $text{$_} =~ /"partner":\{/ } keys %text;
ok(@people > 5, 'some events name people');

is_deeply([ $receiver->problems ], [], 'signed, in order, every retry with the same bytes');
ok(scalar(grep { $_->{headers}{'webhook-attempt'} > 1 } $receiver->ledger), 'and there were retries');

my %got;
foreach my $path (sort keys %subscriptions)
{
	$got{$path}{ $_->{id} } = $_ foreach $receiver->events("/$path");
	is(scalar(keys %{ $got{$path} }), $path eq 'filtered' ? scalar(grep { $json->encode($event{$_}{data}{transfer} // {}) =~ /"partner":\{/ } @people) : scalar(keys %text), "$path: all of them")
	  unless $path eq 'filtered';
}
my @exact = grep { $_->{body} ne $text{ $_->{webhook_id} } } $receiver->ledger('/all');
is(scalar(@exact), 0, 'with full clearance the body is the frozen text, byte for byte');

# what is left out, and that it is said
my $wrong = 0;
foreach my $id (sort keys %text)
{
	foreach my $path (qw(default batch))
	{
		my $got = $got{$path}{$id};
		my $redacted = delete $got->{data}{redacted};
		my $want = redacted($event{$id});
		$wrong++, diag($json->encode($got), $json->encode($want)) if $json->encode($got) ne $json->encode($want);
		$wrong++, diag($json->encode($redacted)) if join(' ', sort @{ $redacted // [] }) ne join(' ', sort keys %lost);
	}
}
is($wrong, 0, 'default clearance: people and prices are left out and named, everything else is there, the class is that of what is left');
is(scalar(grep { $json->encode($_) =~ /"(?:partner|user)":/ } values %{ $got{binary_default} }), 0, 'in binary too');
my ($shipment) = grep { $event{$_}{type} eq 'odoo.logistics.shipment.dispatched.v1' } keys %event;
is_deeply([ sort @{ $got{standard}{$shipment}{data}{redacted} // [] } ], [], 'with full clearance nothing is said');
my $public = $got{public}{$shipment};
is_deeply($public->{data}{transfer}, { id => $event{$shipment}{data}{transfer}{id} }, 'public only: of the transfer its id is left');
is($public->{dataclassification}, 'public', 'and the class says so');
is_deeply([ sort keys %{ $public->{data}{lines}[0] } ], [ 'id', 'lines', 'part' ], 'of a line what kind it is');
ok(scalar(grep { $_ eq 'move.product' } @{ $public->{data}{redacted} }), 'and what was left out is named');
is(scalar(grep { !exists $_->{data}{redacted} } grep { exists $_->{odoorecordid} } values %{ $got{filtered} }), 0, 'a filter sees what the subscriber may not');
ok(scalar(keys %{ $got{filtered} }) > 3, 'and lets through');

# thin
$wrong = 0;
foreach my $id (grep { exists $event{$_}{odoorecordid} } keys %text)
{
	my $data = $event{$id}{data};
	my ($entity) = grep { !/^(?:transition|changes|lines|lines_read_at)$/ } keys %$data;
	my %thin = ($entity => { map { exists $data->{$entity}{$_} ? ($_ => $data->{$entity}{$_}) : () } qw(id name document) });
	$thin{transition} = $data->{transition} if $data->{transition};
	$wrong++, diag($json->encode($got{thin}{$id}{data})) if $json->encode($got{thin}{$id}{data}) ne $json->encode(\%thin);
	$wrong++ if $json->encode($got{standard_thin}{$id}{data}) ne $json->encode(\%thin);
	$wrong++ if grep { $_ ne 'data' && $_ ne 'dataclassification' && $got{thin}{$id}{$_} ne $event{$id}{$_} } keys %{ $event{$id} };
}
is($wrong, 0, 'thin: the envelope, of the entity id, name and document, the transition, nothing else');

# binary
$wrong = 0;
foreach my $id (keys %text)
{
	my %want = %{ $event{$id} };
	delete $want{datacontenttype};
	$wrong++, diag($json->encode($got{binary}{$id})) if grep { $_ ne 'data' && $got{binary}{$id}{$_} ne $want{$_} } keys %want;
	$wrong++ if $json->encode($got{binary}{$id}{data}) ne $json->encode($want{data});
}
is($wrong, 0, 'binary: every attribute is a header, the body is the data');
my ($gate) = grep { $_->{headers}{'ce-type'} eq 'acme.plant.gate.passed.v1' } $receiver->ledger('/binary');
is($gate->{headers}{'ce-subject'}, 'gate/S%C3%BCd%20%227%22%20100%25', 'percent-encoded as the binding says');
is($gate->{headers}{'content-type'}, 'application/json', 'with the type of the data');
my ($plain) = grep { $_->{headers}{'webhook-id'} eq $gate->{headers}{'webhook-id'} } $receiver->ledger('/standard');
is_deeply([ sort keys %{ $json->decode($plain->{body}) } ], [ 'data', 'timestamp', 'type' ], 'standard: type, timestamp and data');

# others' libraries
foreach my $path (sort keys %public)
{
	is(scalar(keys %{ { map { $_ => 1 } map { @{ $_->{ids} } } grep { $_->{status} == 204 } $libraries->ledger("/$path") } }),
		$path eq 'public_standard' ? 1 : scalar(keys %text), "$path: all, as the library reads them");
}
is_deeply([ $libraries->problems ], [], 'standardwebhooks and cloudevents agree');

# what the catalog says later changes nothing: replays have the same bytes
$node->safe_psql('plant', q{UPDATE odoo_events.field SET classification = 'internal' WHERE classification = 'personal';
	UPDATE odoo_events.field SET classification = 'confidential' WHERE field = 'product'});
my %requests = map { $_ => scalar($receiver->ledger("/$_")) } qw(default thin binary_default batch);
$receiver->misbehave();
$node->safe_psql('plant', "SELECT odoo_events.replay('$_', from_position => 0)") foreach sort keys %requests;
ok($node->poll_query_until('plant', q{SELECT bool_and(state = 'done') FROM odoo_events.replay_status}), 'replays are done');
ok(scalar($receiver->ledger("/$_")) > $requests{$_}, "$_: sent again") foreach sort keys %requests;
is_deeply([ $receiver->problems ], [], 'with the same bytes, though the catalog has other classes now');

# a dry run renders and notes, and sends nothing
$receiver->subscribe($node, 'plant', 'dry', '/dry', q{dry_run => true, start_from => 'earliest'});
ok($node->poll_query_until('plant', q{SELECT lag_events = 0 AND state = 'dry_run' FROM odoo_events.subscription_status WHERE name = 'dry'}), 'a dry run goes through all events');
is(scalar($receiver->ledger('/dry')), 0, 'and sends none of them');
is($node->safe_psql('plant', q{SELECT delivered_total, failed_total FROM odoo_events.subscription_status WHERE name = 'dry'}), '0|0', 'nor counts them');
is($node->safe_psql('plant', q{SELECT count(*) FILTER (WHERE status IS NULL AND error IS NULL), count(*) FROM odoo_events.attempt WHERE subscription = 'dry'}),
	scalar(keys %text) . '|' . scalar(keys %text), 'each is in the log');
my $logged = $node->safe_psql('plant', qq{SELECT response FROM odoo_events.attempt WHERE subscription = 'dry' AND event_id = '$shipment'});
my ($sent) = grep { $_->{webhook_id} eq $shipment } $receiver->ledger('/default');
utf8::decode($logged);
is($logged, substr($sent->{body}, 0, length $logged), 'with what would have been sent');
$node->safe_psql('plant', q{SELECT odoo_events.alter_subscription('dry', dry_run => false), odoo_events.ping('dry')});
$receiver->wait_for(sub { @_ == 1 }, 'when it is in earnest, the next event is sent', '/dry');
$node->stop;
done_testing();

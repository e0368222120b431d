# once: signatures are made by libcrypto
# check-all: a receiver in Node verifies them with a public library
# Signatures by a shared secret and by a private key, verified by others' code; rotation with overlap; the event before.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Digest::SHA qw(hmac_sha256_base64);
use MIME::Base64;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('signatures', "odoo_events.restart_delay = '200ms'\n");
OdooEvents->load($node, 'plant', 'odoo19');
$node->safe_psql('plant', 'SELECT odoo_events.attach()');
my $public = OdooEvents->receiver('node');
my $receiver = OdooEvents->receiver;

# Which of these secrets have signed a request.
sub signed_by
{
	my ($entry, %secrets) = @_;
	my $h = $entry->{headers};
	my @signatures = split / /, $h->{'webhook-signature'};
	my @by;
	foreach my $name (sort keys %secrets)
	{
		my $key = decode_base64($secrets{$name} =~ s/^whsec_//r);
		my $want = 'v1,' . hmac_sha256_base64("$h->{'webhook-id'}.$h->{'webhook-timestamp'}.$entry->{body}", $key) . '=';
		push @by, $name if grep { $_ eq $want } @signatures;
	}
	return (scalar(@signatures), @by);
}

# Sends a ping and answers the request that brought it.
my %seen;

sub ping
{
	my ($r, $name) = @_;
	my $path = "/$name";
	$node->safe_psql('plant', "SELECT odoo_events.ping('$name')");
	$seen{$path}++;
	$r->wait_for(sub { @_ >= $seen{$path} }, "ping $seen{$path} of $name arrives", $path);
	return ($r->ledger($path))[ $seen{$path} - 1 ];
}

my %secret = (a => $public->subscribe($node, 'plant', 'hmac', '/hmac'));
is_deeply([ signed_by(ping($public, 'hmac'), %secret) ], [ 1, 'a' ], 'one signature');
$secret{b} = $node->safe_psql('plant', q{SELECT odoo_events.rotate_secret('hmac', '1 hour')});
is_deeply([ signed_by(ping($public, 'hmac'), %secret) ], [ 2, 'a', 'b' ], 'rotated: the new secret and the old one sign');
$secret{c} = $node->safe_psql('plant', q{SELECT odoo_events.rotate_secret('hmac', '1 hour')});
is_deeply([ signed_by(ping($public, 'hmac'), %secret) ], [ 3, 'a', 'b', 'c' ], 'rotated again: all three');
$public->knows($secret{c}, '/hmac');
$secret{d} = $node->safe_psql('plant', q{SELECT odoo_events.rotate_secret('hmac', '0')});
is_deeply([ signed_by(ping($public, 'hmac'), %secret) ], [ 3, 'a', 'b', 'd' ], 'without overlap the old one goes at once, those before hold on');
$secret{e} = $node->safe_psql('plant', q{SELECT odoo_events.set_secret('hmac')});
$public->knows($secret{e}, '/hmac');
is_deeply([ signed_by(ping($public, 'hmac'), %secret) ], [ 1, 'e' ], 'set_secret leaves none');
$secret{f} = $node->safe_psql('plant', q{SELECT odoo_events.rotate_secret('hmac', '300ms')});
$public->knows($secret{f}, '/hmac');
ok($node->poll_query_until('plant', q{SELECT expires_at IS NULL FROM odoo_events.subscription_status WHERE name = 'hmac'}), 'the overlap ends');
is_deeply([ signed_by(ping($public, 'hmac'), %secret) ], [ 1, 'f' ], 'and with it the old signature');
is_deeply([ $public->problems('/hmac') ], [], 'the public library agrees with each');

# a key pair: the receiver has the public half
my $key = $public->subscribe($node, 'plant', 'pair', '/pair', q{signature => 'ed25519'});
like($key, qr/^whpk_/, 'subscribe answers the public key');
like(ping($public, 'pair')->{headers}{'webhook-signature'}, qr{^v1a,[A-Za-z0-9+/]{86}==\z}, 'one signature, by the key');
my $new = $node->safe_psql('plant', q{SELECT odoo_events.rotate_secret('pair')});
like(ping($public, 'pair')->{headers}{'webhook-signature'}, qr{^v1a,\S+ v1a,\S+\z}, 'rotated: two');
$node->safe_psql('plant', q{SELECT odoo_events.alter_subscription('pair', format => 'batch')});
ping($public, 'pair');
is_deeply([ $public->problems('/pair') ], [], 'all verified with the first public key');
$public->knows($new, '/new');
$node->safe_psql('plant', sprintf q{SELECT odoo_events.alter_subscription('pair', url => '%s')}, $public->url('/new'));
$node->safe_psql('plant', q{SELECT odoo_events.ping('pair')});
$public->wait_for(sub { grep { $_->{status} == 204 } @_ }, 'verified with the new one too', '/new');

# the event before, of the same key: acknowledged or given up
$receiver->subscribe($node, 'plant', 'order', '/order', q{types => '{acme.*}'});
$receiver->subscribe($node, 'plant', 'none', '/none', q{types => '{acme.*}', ordering => 'none'});
$receiver->misbehave({ path => '^/order', type => '\.refused\.', status => 422, headers => { 'webhook-delivery' => 'abort-message' } },
	{ path => '^/order', type => 'second', status => 503, times => 1, headers => { 'Retry-After' => 1 } });
my @verbs = qw(first second refused third fourth);
foreach my $verb (@verbs)
{
	$node->safe_psql('plant', "SELECT odoo_events.emit('acme.plant.gate.$verb.v1', 'gate/$_', '{}', 'gate:$_')") foreach 1, 2;
}
ok($node->poll_query_until('plant', q{SELECT bool_and(lag_events = 0) FROM odoo_events.subscription_status WHERE name IN ('order', 'none')}), 'all are settled');
my $json = JSON::PP->new->utf8(0);
my (%last, @wrong);
foreach my $entry ($receiver->ledger('/order'))
{
	my $event = $json->decode($entry->{body});
	my ($previous, $want) = ($entry->{headers}{'webhook-previous'} // 'none', $last{ $event->{partitionkey} } // 'none');
	push @wrong, "$event->{type}: $previous instead of $want" if $previous ne $want;
	$last{ $event->{partitionkey} } = $event->{id} if $entry->{status} != 503;
}
is_deeply(\@wrong, [], 'webhook-previous names the event of this key before, also one that was given up');
is(scalar($receiver->ledger('/order')), 11, 'with a retry among them');
is(scalar(grep { exists $_->{headers}{'webhook-previous'} } $receiver->ledger('/none')), 0, 'without an order there is none before');

# another worker knows it from what this one has written: also of what was given up, also while a key waits, but not of what it only retries
$receiver->misbehave({ path => '^/order', type => '\.waiting\.', status => 500 });
$node->safe_psql('plant', q{SELECT odoo_events.alter_subscription('order', retry_schedule => '{1h}')});
$node->safe_psql('plant', q{SELECT odoo_events.emit('acme.plant.gate.waiting.v1', 'gate/2', '{}', 'gate:2'), odoo_events.emit('acme.plant.gate.gone.v1', 'gate/2', '{}', 'gate:2')});
ok($node->poll_query_until('plant', q{SELECT blocked_keys = 1 FROM odoo_events.subscription_status WHERE name = 'order'}), 'a key waits');
$receiver->misbehave({ path => '^/order', type => '\.waiting\.', status => 500 },
	{ path => '^/order', type => '\.refused\.', status => 422, headers => { 'webhook-delivery' => 'abort-message' } });
$node->safe_psql('plant', q{SELECT odoo_events.emit('acme.plant.gate.refused.v1', 'gate/1', '{}', 'gate:1')});
ok($node->poll_query_until('plant', qq{SELECT count(*) = 1 FROM odoo_events.dead_letter WHERE subject = 'gate/1' AND attempts > 0 AND event_id = (SELECT id FROM odoo_events.outbox
	WHERE type LIKE '%.refused.%' AND subject = 'gate/1' ORDER BY position DESC LIMIT 1)}), 'one is given up');
my $pid = $node->safe_psql('plant', 'SELECT pid FROM odoo_events.worker_status');
$node->safe_psql('plant', "SELECT pg_terminate_backend($pid, 30000)");
ok($node->poll_query_until('plant', "SELECT pid <> $pid FROM odoo_events.worker_status"), 'another worker');
my $seen = () = $receiver->ledger('/order');
$receiver->misbehave();
$node->safe_psql('plant', "SELECT odoo_events.emit('acme.plant.gate.fifth.v1', 'gate/$_', '{}', 'gate:$_')") foreach 1, 2;
$node->safe_psql('plant', q{SELECT odoo_events.retry_now('order')});
ok($node->poll_query_until('plant', q{SELECT lag_events = 0 AND position = odoo_events._last_position() FROM odoo_events.subscription_status WHERE name = 'order'}), 'all is settled again');
my %of = map { /^(\S+)\|(.*)/ ? ($1 => $2) : () } split /\n/, $node->safe_psql('plant', q{SELECT id, subject || ' ' || split_part(type, '.', 4) FROM odoo_events.outbox WHERE type LIKE 'acme.%'});
my %said = map { ($of{ $_->{webhook_id} } => $of{ $_->{headers}{'webhook-previous'} // '' } // 'none') } grep { $_->{status} == 204 } ($receiver->ledger('/order'))[ $seen .. scalar(() = $receiver->ledger('/order')) - 1 ];
is_deeply(\%said, { 'gate/1 fifth' => 'gate/1 refused', 'gate/2 waiting' => 'gate/2 fourth', 'gate/2 gone' => 'gate/2 waiting', 'gate/2 fifth' => 'gate/2 gone' },
	'webhook-previous outlives the worker');
# an event that is sent again does not name itself
$node->safe_psql('plant', q{SELECT odoo_events.replay('order', ids => ARRAY(SELECT id FROM odoo_events.outbox WHERE type LIKE '%.fifth.%'))});
ok($node->poll_query_until('plant', q{SELECT bool_and(state = 'done') FROM odoo_events.replay_status}), 'a replay');
is(scalar(grep { ($_->{headers}{'webhook-previous'} // '') eq $_->{webhook_id} } $receiver->ledger('/order')), 0, 'none names itself');

# secrets are in nobody's reach
is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.saved_config c, odoo_events.subscription_secret s
	WHERE position(encode(s.secret, 'hex') IN c.line) > 0 OR position(encode(s.secret, 'base64') IN convert_from(decode(rtrim(c.line, ';'), 'hex'), 'UTF8')) > 0}), '0', 'not in what dumps carry');
my $log = slurp_file($node->logfile);
unlike($log, qr/whsec_|whsk_/, 'nor in the log');
$node->stop;
done_testing();

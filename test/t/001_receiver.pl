# check-all: a receiver in Node
# The judges are judged first: both receivers accept what is signed well and refuse all else, and the ledger says what was wrong.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Digest::SHA qw(hmac_sha256);
use HTTP::Tiny;
use JSON::PP;
use MIME::Base64;
use OdooEvents;
use Test::More;

my $secret = 'whsec_' . encode_base64('0123456789abcdef0123456789abcdef', '');
my $http = HTTP::Tiny->new(timeout => 5);

sub event
{
	my ($id, $sequence) = @_;
	return JSON::PP->new->canonical->encode({
		specversion => '1.0', id => $id, source => '/odoo/test', type => 'odoo.inventory.stock_move.received.v1',
		subject => 'stock_move/1', partitionkey => 'stock_move:1', sequence => sprintf('%020d', $sequence) });
}

# Sends $body signed as Standard Webhooks has it; $wrong overrides parts of it. Answers the status.
sub post
{
	my ($url, $id, $body, %wrong) = @_;
	my $stamp = $wrong{stamp} // time;
	my $mac = encode_base64(hmac_sha256("$id.$stamp." . ($wrong{signed} // $body), decode_base64(substr $secret, 6)), '');
	my $type = 'application/cloudevents' . ($body =~ /^\[/ ? '-batch' : '') . '+json';
	my $response = $http->post($url, { content => $body, headers => {
		'content-type' => $type, 'webhook-id' => $id, 'webhook-timestamp' => $stamp,
		'webhook-signature' => $wrong{signature} // "v1,$mac" } });
	return $response->{status} == 599 ? 'none' : $response->{status};
}

foreach my $kind ('python', 'node')
{
	my $receiver = OdooEvents->receiver($kind);
	my $url = $receiver->url('/hook');
	my $body = event('a', 1);
	is(post($url, 'a', $body), 401, "$kind: nothing is accepted before a secret is known");
	$receiver->knows($secret, '/hook');
	is(post($url, 'a', $body), 204, "$kind: a good signature is accepted");
	is(post($url, 'a', $body, signed => "$body "), 401, "$kind: a signature of other bytes is refused");
	is(post($url, 'a', $body, signature => 'v1,AAAA'), 401, "$kind: so is a made up one");
	is(post($url, 'a', $body, stamp => time - 3600), 401, "$kind: and one of an hour ago");
	is(post($receiver->url('/other'), 'a', $body), 401, "$kind: and one for a path whose secret is another");
	is(post($url, 'b', '[' . event('x', 2) . ',' . event('y', 3) . ']'), 204, "$kind: a batch");
	is(join(' ', map { $_->{id} } $receiver->events('/hook')), 'a x y', "$kind: the ledger has what was accepted");
	is(scalar($receiver->problems), 5, "$kind: and a reason for each refusal");
}

my $receiver = OdooEvents->receiver;
$receiver->knows($secret);
my $url = $receiver->url('/hook');
post($url, 'a', event('a', 5));
is_deeply([ $receiver->problems ], [], 'nothing wrong yet');
post($url, 'a', event('a', 5));
is_deeply([ $receiver->problems ], [], 'a duplicate is no problem');
post($url, 'a', event('a', 6));
like(join(' ', $receiver->problems), qr/other bytes/, 'other bytes under the same id are');
post($url, 'b', event('b', 4));
like(join(' ', $receiver->problems), qr/out of order for stock_move:1/, 'so is an event that was overtaken');
post($url, 'c', event('d', 9));
like(join(' ', $receiver->problems), qr/webhook-id is not the event's id/, 'and an id that is not the event\'s');

$receiver->misbehave({ path => '/hook', status => 503, times => 1, headers => { 'Retry-After' => '7' } }, { path => '/mute', reset => JSON::PP::true });
is(post($url, 'e', event('e', 10)), 503, 'it misbehaves as told');
is(post($url, 'e', event('e', 10)), 204, 'as often as told');
is(post($receiver->url('/mute'), 'f', event('f', 11)), 'none', 'a reset connection');
is(post($receiver->url('/garbage'), 'f', event('f', 11)), 'none', 'an answer that is not HTTP');
is(post($receiver->url('/gone'), 'f', event('f', 11)), 410, 'a path that is gone');

my $requests = $receiver->ledger;
$receiver->stop;
is(post($url, 'g', event('g', 12)), 'none', 'stopped, it refuses connections');
$receiver->misbehave;
$receiver->start;
is(post($url, 'g', event('g', 12)), 204, 'started again, it listens on the same port');
is(scalar($receiver->ledger), $requests + 1, 'goes on with its ledger');
post($url, 'h', event('h', 11));
like(($receiver->problems)[-1], qr/out of order/, 'and remembers what it had');
done_testing();

# once: what is asked before a request goes, and who we say we are, is between libcurl and the endpoint
# Basic, bearer, OAuth2 with a real token endpoint, the validation handshake: none of them waits where others would wait too.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use MIME::Base64;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('auth', "odoo_events.webhook_origin = 'plant.example.com'\n");
OdooEvents->load($node, 'plant', 'odoo19');
$node->safe_psql('plant', q{SELECT odoo_events.attach('{transfer}')});
my $receiver = OdooEvents->receiver;
my $oauth = sprintf q{auth => '{"type": "oauth2", "token_url": "%s", "client_id": "client", "client_secret": "s3cret of the client"%s}'},
  $receiver->url('/token%s'), '%s';
my %got;

sub sql
{
	return $node->safe_psql('plant', $_[0]);
}

# Requests that brought events to a path.
sub requests
{
	my ($path) = @_;
	return grep { $_->{webhook_id} ne '' } $receiver->ledger($path);
}

# Pings a subscription, and waits until that is answered with 204.
sub ping
{
	my ($name, $path) = @_;
	sql("SELECT odoo_events.ping('$name')");
	my $n = ++$got{$path};
	$receiver->wait_for(sub { $n <= grep { $_->{status} == 204 } @_ }, "ping $n of $name arrives", $path);
	return (grep { $_->{status} == 204 } $receiver->ledger($path))[ $n - 1 ];
}

sub status
{
	my ($name, $condition, $what) = @_;
	return ok($node->poll_query_until('plant', "SELECT $condition FROM odoo_events.subscription_status WHERE name = '$name'"), $what);
}


subtest 'credentials that stay the same are in every request' => sub {
	$receiver->subscribe($node, 'plant', 'basic', '/basic', q{auth => '{"type": "basic", "username": "odoo", "password": "pässword:1"}'});
	$receiver->subscribe($node, 'plant', 'bearer', '/bearer', q{auth => '{"type": "bearer", "token": "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9.x"}'});
	is(ping('basic', '/basic')->{headers}{authorization}, 'Basic ' . encode_base64('odoo:pässword:1', ''), 'basic');
	is(ping('bearer', '/bearer')->{headers}{authorization}, 'Bearer eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9.x', 'bearer');
	is(sql(q{SELECT expires_at AT TIME ZONE 'UTC' FROM odoo_events.subscription_status WHERE name = 'bearer'}), '2100-01-01 00:00:00', 'which says itself when it expires');
	is(sql(q{SELECT auth FROM odoo_events.subscription WHERE name IN ('basic', 'bearer') ORDER BY name}),
		qq({"type": "basic", "username": "odoo"}\n{"type": "bearer"}), 'the configuration shows no secret');
	sql(q{SELECT odoo_events.alter_subscription('basic', auth => '{}')});
	is(ping('basic', '/basic')->{headers}{authorization}, undef, 'and can do without');
};

subtest 'OAuth2 tokens are fetched once, and again after a 401' => sub {
	$receiver->subscribe($node, 'plant', 'oauth', '/oauth', sprintf($oauth, '', ', "scope": "events:write all", "audience": "https://wms/&api"'));
	is(ping('oauth', '/oauth')->{headers}{authorization}, 'Bearer token-1', 'a token is fetched first');
	is(ping('oauth', '/oauth')->{headers}{authorization}, 'Bearer token-1', 'and kept');
	my @asked = $receiver->ledger('/token');
	is(scalar(@asked), 1, 'it was asked for once');
	is($asked[0]{body}, 'grant_type=client_credentials&scope=events%3Awrite%20all&audience=https%3A%2F%2Fwms%2F%26api', 'with scope and audience');
	$receiver->misbehave({ path => '^/oauth', status => 401, times => 1 });
	is(ping('oauth', '/oauth')->{headers}{authorization}, 'Bearer token-2', 'refused with 401, a new token is fetched and the request sent again');
	is(join(' ', map { $_->{headers}{'webhook-attempt'} } requests('/oauth')), '1 1 1 1', 'which is the same attempt');
	status('oauth', 'failed_total = 0 AND delivered_total = 3', 'and no failure');
	$receiver->misbehave({ path => '^/oauth', status => 401, times => 2, body => 'no: Bearer token-3 of client with s3cret of the client' });
	is(ping('oauth', '/oauth')->{headers}{authorization}, 'Bearer token-3', 'refused again, it is a failure, and retried');
	is(sql(q{SELECT status, attempt, response FROM odoo_events.attempt WHERE subscription = 'oauth' AND status = 401}),
		'401|1|no: Bearer ******* of client with ********************', 'in whose answer the secrets are not kept');

	# tokens that expire soon are renewed in time
	$receiver->misbehave({ path => '^/token', expires_in => 1 });
	sql(q{SELECT odoo_events.alter_subscription('oauth', timeout => '16s')});
	my $tokens = () = $receiver->ledger('/token');
	my %used;
	for (my $i = 0; $i < 200 && keys %used < 3; $i++)
	{
		$used{ ping('oauth', '/oauth')->{headers}{authorization} } = 1;
	}
	is(scalar(keys %used), 3, 'tokens that last a second');
	is(scalar(grep { $_->{status} == 401 } (requests('/oauth'))[ -5 .. -1 ]), 0, 'are renewed before they are refused');

	# the token endpoint's failures are the subscription's own
	$receiver->subscribe($node, 'plant', 'down', '/oauth-down', sprintf($oauth, '-down', '') . q{, types => '{acme.*}'});
	$receiver->misbehave({ path => '^/token-down', status => 500 }, { path => '^/token-hangs', hang => 1 });
	sql("SELECT odoo_events.emit('acme.plant.gate.passed.v1', 'gate/$_', '{}')") foreach 1 .. 12;
	status('down', q{breaker = 'open' AND last_error = 'oauth2: HTTP status 500: invalid_client'}, 'a token endpoint that fails opens the breaker');
	is(scalar(requests('/oauth-down')), 0, 'nothing was sent');
	like(sql(q{SELECT count(*) || ' ' || min(error) FROM odoo_events.attempt WHERE subscription = 'down'}), qr/^\d{2} oauth2: HTTP status 500: invalid_client$/, 'each is in the log');
	$receiver->subscribe($node, 'plant', 'hangs', '/oauth-hangs', sprintf($oauth, '-hangs', ''));
	sql(q{SELECT odoo_events.ping('hangs')});
	$receiver->wait_for(sub { @_ == 1 }, 'the token endpoint that does not answer is asked', '/token-hangs');
	ping('bearer', '/bearer');
	pass('and nobody else waits for it');
	sql(q{SELECT odoo_events.unsubscribe('hangs')});
	ping('bearer', '/bearer');
	pass('also when the subscription goes meanwhile');
	$receiver->misbehave({ path => '^/token-down', token => "x\r\nInjected: yes" });
	sql(q{SELECT odoo_events.retry_now('down')});
	status('down', q{last_error = 'oauth2: the answer has no usable access_token'}, 'a token that would end the header is none');
	$receiver->misbehave();
	sql(q{SELECT odoo_events.retry_now('down')});
	$receiver->wait_for(sub { 12 == grep { $_->{status} == 204 } @_ }, 'all arrive in the end', '/oauth-down');
	$receiver->subscribe($node, 'plant', 'wrong', '/oauth-wrong', sprintf($oauth, '', '') =~ s/s3cret/another/r);
	sql(q{SELECT odoo_events.ping('wrong')});
	status('wrong', q{last_error = 'oauth2: HTTP status 401: invalid_client'}, 'wrong credentials are told');
};

subtest 'the validation handshake comes first' => sub {
	$receiver->misbehave({ path => '^/shakes-not', status => 405, headers => {} });
	$receiver->subscribe($node, 'plant', 'shakes', '/shakes', q{handshake => true, headers => '{"X-Api-Key": "k3y"}'});
	ping('shakes', '/shakes');
	my @shaken = $receiver->ledger('/shakes');
	is($shaken[0]{headers}{':method'}, 'OPTIONS', 'the endpoint is asked first');
	is($shaken[0]{headers}{'webhook-request-origin'}, 'plant.example.com', 'with our origin');
	is($shaken[0]{headers}{'x-api-key'}, 'k3y', 'and our headers');
	ping('shakes', '/shakes');
	is(scalar(grep { ($_->{headers}{':method'} // '') eq 'OPTIONS' } $receiver->ledger('/shakes')), 1, 'once');
	$receiver->subscribe($node, 'plant', 'not', '/shakes-not', 'handshake => true, ' . sprintf($oauth, '', ''));
	sql(q{SELECT odoo_events.ping('not')});
	status('not', q{last_error = 'handshake: HTTP status 405'}, 'an endpoint that does not allow us');
	$receiver->misbehave({ path => '^/shakes-not', status => 200, headers => { 'WebHook-Allowed-Origin' => 'other.example.com' } });
	sql(q{SELECT odoo_events.retry_now('not')});
	status('not', q{last_error = 'handshake: the endpoint does not allow the origin "plant.example.com"'}, 'or another');
	is(scalar(requests('/shakes-not')), 0, 'gets nothing');
	$receiver->misbehave({ path => '^/shakes-not', status => 202, headers => {} });
	sql(q{SELECT odoo_events.retry_now('not')});
	status('not', q{last_error LIKE 'handshake: the endpoint has not allowed the origin "plant.example.com": no WebHook-Allowed-Origin%it cannot call back)'}, 'nor does one that wants to call back');
	is((grep { ($_->{headers}{':method'} // '') eq 'OPTIONS' } $receiver->ledger('/shakes-not'))[-1]{headers}{'webhook-request-callback'}, undef, 'for which it is given no URL');
	is(scalar(requests('/shakes-not')), 0, 'gets nothing');
	$receiver->misbehave();
	sql(q{SELECT odoo_events.retry_now('not')});
	$receiver->wait_for(sub { grep { $_->{status} == 204 } @_ }, 'until it does', '/shakes-not');
	like((grep { ($_->{headers}{':method'} // '') eq 'OPTIONS' } $receiver->ledger('/shakes-not'))[-1]{headers}{authorization}, qr/^Bearer token-/, 'asked with the token');

	# the rate that the endpoint allows, per minute: the first request, and then one every quarter of an hour at most; asked for with what is configured
	$receiver->misbehave({ path => '^/rated', status => 200, headers => { 'WebHook-Allowed-Origin' => '*', 'WebHook-Allowed-Rate' => '4' }, times => 1 },
		{ path => '^/starred', status => 200, headers => { 'WebHook-Allowed-Origin' => 'PLANT.example.com', 'WebHook-Allowed-Rate' => '*' }, times => 1 });
	my $bulk = q{handshake => true, ordering => 'none', types => '{acme.rate.*}'};
	$receiver->subscribe($node, 'plant', 'rated', '/rated', "$bulk, rate_limit => 100");
	$receiver->subscribe($node, 'plant', 'starred', '/starred', $bulk);
	sql("SELECT count(odoo_events.emit('acme.rate.gate.passed.v1', 'gate/' || i, '{}')) FROM generate_series(1, 30) i");
	status('starred', 'delivered_total = 30 AND lag_events = 0', 'an asterisk limits nothing');
	status('rated', 'delivered_total >= 1', 'a rate lets the first one pass');
	my ($options) = $receiver->ledger('/rated');
	is($options->{headers}{'webhook-request-rate'}, '6000', 'the rate that is configured was asked for');
	# never more than the bucket allows, however long this took: one at first, and four a minute since
	is(sql(q{SELECT count(*) <= 1 + 4 * extract(epoch FROM clock_timestamp() - min(at)) / 60 AND count(*) < 30 FROM odoo_events.attempt WHERE subscription = 'rated'}), 't', 'and the rate that is allowed is kept');
	sql(q{SELECT odoo_events.alter_subscription('rated', handshake => false)});
	status('rated', 'delivered_total = 30 AND lag_events = 0', 'without a handshake the configured rate holds');
	is_deeply([ $receiver->problems ], [], 'signed, in order, the same bytes');
};

subtest 'secrets stay where they are' => sub {
	my $secrets = qr/s3cret|p.{1,2}ssword|eyJhbGci|k3y|another of the client/;
	unlike(slurp_file($node->logfile), $secrets, 'no secret in the log');
	unlike(sql(q{SELECT convert_from(decode(rtrim(line, ';'), 'hex'), 'UTF8') FROM odoo_events.saved_config}), $secrets, 'nor in what dumps carry');
	unlike(sql(q{SELECT * FROM odoo_events.subscription_config; SELECT * FROM odoo_events.subscription; SELECT * FROM odoo_events.attempt; SELECT * FROM odoo_events.audit_log}), $secrets,
		'nor in a table that others may read');
};

$node->stop;
done_testing();

# once: what endpoints answer is between libcurl and the network
# check-all: it takes a minute
# Answers that nobody should send, and what they must not do to others: endless ones, secrets that come back, headers that are not the answer's,
# connections that end without an answer; and statuses by which a receiver says that it knows the event.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Spec;
use JSON::PP;
use MIME::Base64;
use OdooEvents;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('endpoints', "odoo_events.restart_delay = '100ms'\n");
my $receiver = OdooEvents->receiver;
my $db = 'plant';
my $faults = $node->data_dir . '/oe_faults';
mkdir $faults;
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
$node->safe_psql($db, q{CREATE EXTENSION odoo_events; SELECT odoo_events.arm();
CREATE FUNCTION make(n int) RETURNS void LANGUAGE sql AS $$
  SELECT odoo_events._emit('odoo.platform.test.made.v1', 'test/' || i, jsonb_build_object('n', i), 'test:' || i) FROM generate_series(1, n) i $$});

sub sql { return $node->safe_psql($db, $_[0]) }
sub subscribe { my ($name, $more) = @_; return $receiver->subscribe($node, $db, $name, "/$name", $more) }
sub status { return OdooEvents::status($node, $db, @_) }
sub delivered { return OdooEvents::delivered($node, $db, @_) }

sub done_with
{
	$receiver->misbehave();
	sql('SELECT odoo_events.unsubscribe(name) FROM odoo_events.subscription');
	return;
}

subtest 'the first request is shown while it is on its way' => sub {
	subscribe('first');
	$receiver->misbehave({ path => '^/first$', status => 204, hold => JSON::PP::true });
	sql(q{SELECT odoo_events.ping('first')});
	ok(status('first', 'in_flight = 1 AND delivered_total = 0 AND failed_total = 0'), 'in flight, before there is an answer');
	done_with();
};

subtest 'a status of success_statuses acknowledges' => sub {
	subscribe('known', q{success_statuses => '{409}', retry_schedule => '{}'});
	subscribe('strict', q{retry_schedule => '{}'});
	$receiver->misbehave({ path => '^/(known|strict)$', status => 409, body => '{"error": "duplicate"}' });
	sql('SELECT make(2)');
	ok(delivered('known') && status('known', 'delivered_total = 2 AND failed_total = 0 AND dead_letters = 0 AND last_error IS NULL'), '409 acknowledges');
	ok(status('strict', 'dead_letters = 2'), 'and fails where it is not named');
	is(sql(q{SELECT DISTINCT status, error, response FROM odoo_events.attempt WHERE subscription = 'known'}), '409||', 'the attempt says 409, of a success');
	is(sql(q{SELECT DISTINCT t.step FROM odoo_events.trace(subject => 'test/1') t WHERE t.subscription = 'known' AND t.step !~ '^attempt'}), 'acknowledged', 'trace() too');
	is(sql(q{SELECT p.outcomes FROM odoo_events.subscription_progress p WHERE p.name = 'known'}), '{2,0,0,0,0,0}', 'metrics count it as delivered');
	sql(q{SELECT odoo_events.alter_subscription('known', success_statuses => '{}')});
	sql('SELECT make(1)');
	ok(status('known', 'dead_letters = 1'), 'taken away again, it fails');
	done_with();
};

subtest 'a batch is acknowledged by such a status, too' => sub {
	subscribe('batch', q{success_statuses => '{409}', format => 'batch', batch_size => 10, retry_schedule => '{}'});
	$receiver->misbehave({ path => '^/batch$', status => 409 });
	sql('SELECT make(10)');
	ok(delivered('batch') && status('batch', 'delivered_total = 10 AND dead_letters = 0'), 'all of it');
	done_with();
};

subtest 'only headers of the final answer count' => sub {
	my %raw = (
		interim => "HTTP/1.1 103 Early Hints\r\nwebhook-delivery: disable\r\nRetry-After: 3600\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
		abort => "HTTP/1.1 103 Early Hints\r\nwebhook-delivery: abort-message\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
		trailer => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: webhook-delivery\r\n\r\n1\r\nx\r\n0\r\nwebhook-delivery: disable\r\n\r\n",
		delayed => "HTTP/1.1 103 Early Hints\r\nRetry-After: 3600\r\n\r\nHTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
	subscribe($_, q{retry_schedule => '{100ms}'}) foreach sort keys %raw;
	$receiver->misbehave(map { +{ path => "^/$_\$", raw => $raw{$_}, status => $_ eq 'delayed' ? 503 : 204, times => 1 } } sort keys %raw);
	sql('SELECT make(1)');
	ok(delivered($_) && status($_, q{state = 'active'}), "$_: delivered, the subscription stays active") foreach sort keys %raw;
	is(sql(q{SELECT count(*) FROM odoo_events.dead_letter}), 0, 'nothing is given up');
	subscribe('never', q{retry_schedule => '{}'});
	$receiver->misbehave({ path => '^/never$', raw => "HTTP/1.1 103 Early Hints\r\nwebhook-delivery: disable\r\n\r\n", endless => "HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n" });
	sql('SELECT make(1)');
	ok(status('never', q{state = 'active' AND dead_letters = 1}), 'interim answers alone say nothing, and end');
	subscribe('final', q{});
	$receiver->misbehave({ path => '^/final$', raw => "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\nWebhook-Delivery: disable\r\n\r\n" });
	sql(q{SELECT odoo_events.ping('final')});
	ok(status('final', q{state = 'disabled'}), 'those of the final answer count');
	done_with();
};

subtest 'what a proxy says of its tunnel is no answer' => sub {
	my $dir = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir);
	my $proxy = IPC::Run::start([ 'python3', "$FindBin::RealBin/../receiver/proxy.py", '--port-file', "$dir/port", '--ledger', "$dir/proxy",
			'--header', 'webhook-delivery: disable', '--header', 'Retry-After: 3600' ], '>', "$dir/log", '2>&1');
	OdooEvents::Receiver::wait_until(sub { -s "$dir/port" }, 'the proxy listens');
	chomp(my $at = slurp_file("$dir/port"));
	run_command([ 'openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=tunnel', '-addext', 'subjectAltName=IP:127.0.0.1',
			'-days', '2', '-keyout', "$dir/key", '-out', "$dir/pem" ]);
	my $tls = OdooEvents->receiver('python', '--cert', "$dir/pem", '--key', "$dir/key");
	my $pem = slurp_file("$dir/pem") =~ s/\n/\\n/gr;
	$node->safe_psql('postgres', "ALTER SYSTEM SET odoo_events.proxy = 'http://127.0.0.1:$at'");
	$node->reload;
	$tls->knows(sql(qq{SELECT odoo_events.subscribe('tunnel', 'https://127.0.0.1:$tls->{port}/tunnel', allow_networks => '{127.0.0.0/8}', tls => '{"ca": "$pem"}', retry_schedule => '{1h}')}), '/tunnel');
	$node->poll_query_until($db, q{SELECT current_setting('odoo_events.proxy') <> ''});
	sql(q{SELECT odoo_events.ping('tunnel')});
	ok(delivered('tunnel') && status('tunnel', q{state = 'active' AND delivered_total = 1}), 'delivered, and active');
	is(slurp_file("$dir/proxy"), "CONNECT 127.0.0.1:$tls->{port}\n", 'through the tunnel');
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET odoo_events.proxy');
	$node->reload;
	$proxy->kill_kill;
	$tls->stop;
	done_with();
};

subtest 'Retry-After as a date is meant by the clock of the endpoint' => sub {
	my $date = sub { return strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + $_[0])) };
	my %after = (
		ahead => [ { Date => $date->(7200), 'Retry-After' => $date->(14400) }, 7199, 7201 ],
		behind => [ { 'Retry-After' => $date->(0), Date => $date->(-7200) }, 7199, 7201 ],
		past => [ { Date => $date->(0), 'Retry-After' => $date->(-60) }, 3240, 3960 ],
		wrong => [ { Date => $date->(-40 * 365 * 86400), 'Retry-After' => $date->(600) }, 86400, 86400 ],
		nonsense => [ { Date => 'yesterday', 'Retry-After' => '20 or so' }, 3240, 3960 ],
		half => [ { 'Retry-After' => '1.5' }, 3240, 3960 ],
		huge => [ { 'Retry-After' => '99999999999999999999' }, 86400, 86400 ]);
	subscribe($_, q{retry_schedule => '{1h}'}) foreach sort keys %after;
	$receiver->misbehave(map { +{ path => "^/$_\$", status => 503, headers => $after{$_}[0] } } sort keys %after);
	sql('SELECT make(1)');
	foreach my $name (sort keys %after)
	{
		ok(status($name, 'failed_total = 1'), "$name: $after{$name}[0]{'Retry-After'}");
		my ($from, $to) = @{ $after{$name} }[ 1, 2 ];
		is(sql(qq{SELECT extract(epoch FROM w.next_attempt_at - a.at - a.duration) BETWEEN $from - 0.001 AND $to + 0.001 FROM odoo_events.waiting w
			JOIN odoo_events.attempt a ON a.subscription = w.subscription WHERE w.subscription = '$name'}), 't', "$name: the next attempt is $from to $to s later");
	}
	done_with();
};

subtest 'a kept connection that ends without an answer: sent again, and told' => sub {
	subscribe('kept');
	sql(q{SELECT odoo_events.ping('kept')});
	ok(delivered('kept'), 'a connection is kept');
	$receiver->misbehave({ path => '^/kept$', drop => JSON::PP::true, times => 1 });
	sql(q{SELECT odoo_events.ping('kept')});
	ok(delivered('kept') && status('kept', 'delivered_total = 2 AND failed_total = 1 AND dead_letters = 0'), 'the second arrives, and a request has failed');
	my @second = ($receiver->ledger('/kept'))[ 1, 2 ];
	is($second[0]{webhook_id}, $second[1]{webhook_id}, 'the endpoint got it twice');
	is(sql(qq{SELECT attempt, status, error FROM odoo_events.attempt WHERE subscription = 'kept' AND event_id = '$second[0]{webhook_id}'}),
		"1||the connection ended without an answer; sent again at once\n1|204|", 'and the view attempt has both');
	done_with();
};

subtest 'a request that cannot be made is as if it had never been' => sub {
	subscribe($_, $_ eq 'group' ? q{format => 'batch', batch_size => 5} : q{}) foreach qw(single group);
	foreach (1 .. 2)
	{
		append_to_file("$faults/deliver-start", 'error');
		sql('SELECT make(5)');
		OdooEvents::Receiver::wait_until(sub { !-e "$faults/deliver-start" }, 'one is broken off');
		ok(delivered($_) && status($_, 'in_flight = 0'), "$_: all is delivered, nothing stays open") foreach qw(single group);
	}
	is(join(' ', map { scalar $receiver->events("/$_") } qw(single group)), '10 10', 'each event once');
	done_with();
};

# All that another role may read of an answer.
sub shown
{
	my ($name) = @_;
	ok(status($name, 'failed_total >= 1'), "$name: refused");
	return sql(qq{SELECT concat_ws(E'\\n', a.error, a.response, s.last_error) FROM odoo_events.attempt a
		JOIN odoo_events.subscription_status s ON s.name = a.subscription WHERE a.subscription = '$name' ORDER BY a.at LIMIT 1});
}

subtest 'secrets that come back are not shown, however written and wherever cut' => sub {
	my $secret = 'k3y/w+th "odd" ch\\rs&1';
	my $password = 'pässword:of+the/user';
	my $url = join '', map { sprintf '%%%02x', ord } split //, $secret;
	my $json = JSON::PP->new->ascii->allow_nonref;
	(my $escaped = $json->encode($secret)) =~ s{/}{\\/}g;
	(my $unicode = $json->encode($secret)) =~ s/([\w])/sprintf '\\u%04x', ord $1/ge;
	(my $html = $secret) =~ s/([&"])/{'&' => '&amp;', '"' => '&#34;'}->{$1}/ge;
	utf8::encode(my $bytes = my $text = "user:\x{70}\x{e4}ssword:of+the/user");
	my $basic = encode_base64($bytes, '');
	my %body = (
		plain => "you sent $secret", url => "you sent $url", json => "{\"key\": $escaped}", unicode => "{\"key\": $unicode}", html => "<p>$html</p>",
		base64 => 'b ' . encode_base64("X-Key: $secret", ''), inner => 'b ' . encode_base64("ab$secret", ''),
		basic => "authorization=Basic $basic", basicurl => 'a=' . ($basic =~ tr{+/}{-_}r), password => $json->encode($text),
		cut => 'x' x 4084 . $secret, cuturl => 'x' x 4090 . $url, cutbasic => 'x' x 4080 . $basic, short => 'the key ' . substr($secret, 0, 12) . '... is wrong');
	foreach my $name (sort keys %body)
	{
		my $q = $json->encode({ 'X-Key' => $secret }) =~ s/'/''/gr;
		my $auth = $json->encode({ type => 'basic', username => 'user', password => "p\x{e4}ssword:of+the/user" });
		subscribe($name, qq{retry_schedule => '{}', headers => '$q', auth => '$auth'});
	}
	$receiver->misbehave(map { +{ path => "^/$_\$", status => 400, body => $body{$_} } } sort keys %body);
	sql('SELECT make(1)');
	foreach my $name (sort keys %body)
	{
		my $shown = shown($name);
		my $found = join ' ', grep { index($shown, $_) >= 0 } 'k3y', 'w+th', 'odd', '%6b%33', '\\u006b', 'ssword', 'of+the', substr($basic, 0, 6), substr($basic, -8, 6), 'azN5', 'NkZC', 'c3N3b3';
		is($found, '', "$name: nothing of them is left") or diag($shown);
		like($shown, qr/\*/, "$name: stars stand for them");
	}
	done_with();
};

subtest 'answers that do not end hold up nobody, and end' => sub {
	$node->safe_psql('postgres', 'CREATE DATABASE other');
	subscribe('endless', q{ordering => 'none', max_in_flight => 80, timeout => '1h', retry_schedule => '{}', filter => '$.data.n > 0'});
	subscribe('silent', q{timeout => '1h', retry_schedule => '{}', filter => '$.data.n == 1'});
	subscribe('neighbour');
	my $chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;";
	$receiver->misbehave({ path => '^/endless$', raw => $chunked, endless => 'x' },
		{ path => '^/silent$', raw => "HTTP/1.1 100 Continue\r\n\r\n", endless => "HTTP/1.1 100 Continue\r\n\r\n" });
	sql('SELECT make(80)');
	$receiver->wait_for(sub { @_ >= 80 }, 'eighty are on their way', '/endless');
	sql(q{SELECT odoo_events.ping('neighbour')});
	$node->safe_psql('postgres', 'DROP DATABASE other');
	ok(delivered('neighbour'), 'another endpoint gets its events');
	ok(delivered('endless') && status('endless', 'in_flight = 0 AND delivered_total = 80'), 'the status decides, once the answer is broken off');
	ok(status('silent', 'in_flight = 0 AND dead_letters = 1'), 'without a final status it has failed');
	done_with();
};

ok(!(grep { !/^out of order/ } $receiver->problems), 'signed, the same bytes') or diag(join "\n", $receiver->problems);
$node->stop;
done_testing();

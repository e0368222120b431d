# Helper programs for brokers are processes that may do what they like: the server, webhooks and other subscriptions do not suffer, and no
# event is lost.  The program here has no broker and misbehaves when told to (test/transport/program.py).
# once: nothing here depends on PostgreSQL's version
# check-all: a helper program that hangs and crashes, half a minute
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Copy;
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
foreach my $kind (qw(kafka nats))
{
	copy("$FindBin::RealBin/../transport/program.py", "$dir/odoo_events_$kind") or die "program.py: $!";
	chmod 0755, "$dir/odoo_events_$kind";
}
my $node = OdooEvents->node('programs', "odoo_events.restart_delay = '100ms'\nodoo_events.program_directory = '$dir'\nodoo_events.program_memory = '128MB'\n");
my $receiver = OdooEvents->receiver;
my $db = 'plant';
my $n = 0;
mkdir $node->data_dir . '/oe_faults';
append_to_file($node->data_dir . '/oe_faults/program-grace-ms', '100');
append_to_file($node->data_dir . '/oe_faults/program-restart-us', '1000');
append_to_file($node->data_dir . '/oe_faults/probe-ms', '50');
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
$node->safe_psql($db, q{CREATE EXTENSION odoo_events; SELECT odoo_events.arm();
CREATE FUNCTION make(word text, keys text[], pad int DEFAULT 0, n int DEFAULT 1) RETURNS void LANGUAGE sql AS $$
  SELECT odoo_events.emit('acme.test.thing.' || word || '.v1', 'thing/' || k, jsonb_build_object('n', i, 'pad', repeat('x', pad)), k)
    FROM unnest(keys) k, generate_series(1, n) i $$});
my $started = $node->safe_psql($db, 'SELECT pg_postmaster_start_time()');

sub ledger { return map { decode_json($_) } split /\n/, -e "$dir/ledger" ? slurp_file("$dir/ledger") : '' }
sub messages { my ($word) = @_; return grep { $_->{frame} eq 'M' && $_->{topic} eq "acme.thing.$word" } ledger() }
sub starts { return grep { $_->{frame} eq 'start' } ledger() }
sub delivered { return OdooEvents::delivered($node, $db, @_) }
sub status { return OdooEvents::status($node, $db, @_) }

sub rule
{
	my ($rule) = @_;
	unlink "$dir/rule";
	return unless $rule;
	append_to_file("$dir/rule.new", encode_json({ %$rule, number => ++$n }));
	rename "$dir/rule.new", "$dir/rule";
	return;
}

sub make { my ($word, $keys, $more) = @_; return $node->safe_psql($db, "SELECT make('$word', '{$keys}'" . ($more // '') . ')') }

sub subscribe
{
	my ($name, $url, $more) = @_;
	$more = $more ? ", $more" : '';
	return $node->safe_psql($db, qq{SELECT odoo_events.subscribe('$name', '$url', types => '{acme.*}', allow_networks => '{127.0.0.0/8}'$more)});
}

# What every subtest may rely on afterwards.
sub unharmed
{
	my ($name) = @_;
	rule();
	ok(delivered($name), 'then all is delivered');
	ok(delivered('web'), 'and to the webhook beside it');
	is($node->safe_psql($db, 'SELECT pg_postmaster_start_time()'), $started, 'the server has not restarted');
	return;
}

$receiver->subscribe($node, $db, 'web', '/web', q{types => '{acme.*}'});

subtest 'a message has topic, key, headers and the bytes of the event; the process has nothing else of ours' => sub {
	is(subscribe('bus', 'nats://127.0.0.1:4222/acme.{entity}.{verb}', q{auth => '{"type": "basic", "username": "u", "password": "s3cretword"}', headers => '{"plant": "lyon"}', timeout => '1s'}),
		'', 'no signing secret: messages are not signed');
	make('made', 'thing:1');
	ok(delivered('bus'), 'it is delivered');
	my ($m) = messages('made');
	is($m->{key}, 'thing:1', 'its key is the ordering key');
	is($m->{body}, $node->safe_psql($db, q{SELECT event FROM odoo_events.outbox WHERE type = 'acme.test.thing.made.v1'}), 'its body is the event');
	my %h = map { @$_ } @{ $m->{headers} };
	is_deeply(\%h, { 'content-type' => 'application/cloudevents+json; charset=UTF-8', 'ce-id' => decode_json($m->{body})->{id}, plant => 'lyon' }, 'its headers');
	my ($start) = starts();
	is_deeply([ grep { !/^LC_CTYPE$/ } @{ $start->{environment} } ], ['MALLOC_ARENA_MAX'], 'an environment without anything of the server\'s');
	is(scalar(grep { /^socket/ } @{ $start->{descriptors} }), 1, 'one socket');
	is(scalar(grep { m!/(base|global|pg_wal|oe_faults)/! } @{ $start->{descriptors} }), 0, 'no file of the server\'s');
	is($start->{directory}, '/', 'not in the data directory');
	is($start->{score}, 500, 'it goes first when memory runs out');
	is($start->{limits}{'Max address space'}, 128 * 1024 * 1024, 'a limit of memory');
	is($start->{limits}{'Max core file size'}, 0, 'no core file, which would have credentials in it');
	my ($c) = grep { $_->{frame} eq 'C' } ledger();
	is($c->{configuration}{auth}{password}, 's3cretword', 'the credentials come through the socket');
	is_deeply($c->{configuration}{policy}, { allow_networks => ['127.0.0.0/8'] }, 'and the addresses that it may call');
	is($node->safe_psql($db, q{SELECT transport || ' ' || delivered_total FROM odoo_events.subscription_status WHERE name = 'bus'}), 'nats 1', 'subscription_status tells of it');
	is($node->safe_psql($db, q{SELECT transport || ' ' || attempt || ' ' || COALESCE(status::text, 'no status') || ' ' || COALESCE(error, 'no error')
		FROM odoo_events.attempt WHERE subscription = 'bus'}), 'nats 1 no status no error', 'and attempt');
};

subtest 'what cannot work is refused when it is given' => sub {
	foreach my $case (
		[ q{'amqp://127.0.0.1/x', allow_networks => '{127.0.0.0/8}'}, qr/helper program for amqp is not installed.*HINT:.*postgresql-\d+-odoo-events-amqp/s, 'a program that is missing' ],
		[ q{'nats://127.0.0.1/x'}, qr/plain nats.*HINT:  allow_networks => '\{127.0.0.0\/8\}'/s, 'an address outside allow_networks' ],
		[ q{'nats+tls://127.0.0.1/x'}, qr/private address.*HINT:  allow_networks/s, 'with TLS too' ],
		[ q{'kafkas://h.example.com/a b'}, qr/argument "url" is not a usable URL/, 'a space' ],
		[ q{'mqtts://h.example.com,/x'}, qr/"" is not a host/, 'a host without a name' ],
		[ q{'nats+tls://h.example.com/x', outcomes => 'body'}, qr/a broker answers nothing|argument "outcomes" is for webhooks/, 'an outcome in an answer that a broker does not give' ],
		[ q{'nats+tls://h.example.com/odoo.{type}.>'}, qr/which Nats cannot take/, 'a wildcard' ],
		[ q{'nats+tls://h.example.com/x', auth => '{"type": "scram-sha-256", "username": "u", "password": "p"}'}, qr/argument "auth" has no usable "type" for nats/, 'an authentication of another broker' ],
		[ q{'https://h.example.com/x', auth => '{"type": "nkey", "seed": "s"}'}, qr/argument "auth" has no usable "type"/, 'and of a broker for a webhook' ])
	{
		my ($arguments, $error, $what) = @$case;
		my ($rc, $out, $err) = $node->psql($db, "SELECT odoo_events.subscribe('refused', $arguments)");
		like($err, $error, $what);
	}
	my ($rc, $out, $err) = $node->psql($db, q{SELECT odoo_events.alter_subscription('bus', url => 'https://h.example.com/x')});
	like($err, qr/subscription "bus" is sent by nats and stays so/, 'another transport');
	unlike(slurp_file($node->logfile), qr/s3cretword/, 'no credential is in the log');
	is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.audit_log WHERE concat(old, new) LIKE '%s3cretword%'}), 0, 'nor in the audit');
	is($node->safe_psql($db, q{SELECT auth FROM odoo_events.subscription WHERE name = 'bus'}), '{"type": "basic", "username": "u"}', 'nor in the view');
};

subtest 'a message that the broker refuses becomes a dead letter with its words; the key goes on' => sub {
	rule({ do => 'refuse', match => 'thing.large', text => 'Broker: Message size too large (s3cretword)' });
	make('large', 'thing:1');
	make('after', 'thing:1');
	ok(delivered('bus'), 'all is settled');
	is($node->safe_psql($db, q{SELECT type || ' ' || attempts || ' ' || last_error FROM odoo_events.dead_letter WHERE subscription = 'bus'}),
		'acme.test.thing.large.v1 1 Broker: Message size too large (**********)', 'the dead letter');
	is(scalar(messages('after')), 1, 'the one behind it');
	unharmed('bus');
};

subtest 'a message that could not be sent is sent again, and its key waits' => sub {
	rule({ do => 'retry', match => 'thing.first', times => 1, text => 'Broker: Not enough in-sync replicas' });
	make('first', 'thing:2,thing:3');
	make('second', 'thing:2');
	ok(status('bus', 'failed_total > 0'), 'it failed');
	unharmed('bus');
	is($node->safe_psql($db, q{SELECT error FROM odoo_events.attempt WHERE subscription = 'bus' AND error LIKE '%replicas%'}), 'Broker: Not enough in-sync replicas',
		'attempt has the broker\'s words');
	my @order = map { "$_->{topic} $_->{key}" } grep { ($_->{key} // '') eq 'thing:2' } ledger();
	is_deeply(\@order, [ 'acme.thing.first thing:2', 'acme.thing.first thing:2', 'acme.thing.second thing:2' ], 'in order');
};

# What happens to the program, and what is said of it.
my @ends = (
	[ 'crashes by a signal', { do => 'crash' }, 'terminated by signal 11' ],
	[ 'stops', { do => 'stop' }, 'does not answer any more and was killed' ],
	[ 'sends what makes no sense', { do => 'garbage' }, 'sent a frame that cannot be read' ],
	[ 'wants more memory than it may have', { do => 'memory' }, '' ]);
foreach my $end (@ends)
{
	my ($what, $rule, $says) = @$end;
	subtest "a program that $what is started again" => sub {
		my $before = scalar(starts());
		my $offset = -s $node->logfile;
		(my $word = $rule->{do}) =~ s/^/end_/;
		rule({ %$rule, match => $word });
		make($word, 'thing:4,thing:5');
		$node->wait_for_log(qr/helper program odoo_events_nats .*\Q$says\E/, $offset);
		pass('the server\'s log says so');
		ok(status('bus', "last_error LIKE '%helper program%$says%'"), 'and the status of the subscription');
		unharmed('bus');
		cmp_ok(scalar(starts()), '>', $before, 'it was started again');
		my %keys = map { $_->{key} => 1 } messages($word);
		is_deeply([ sort keys %keys ], [ 'thing:4', 'thing:5' ], 'nothing is lost');
	};
}

subtest 'a program that is killed under load loses nothing' => sub {
	make('load', 'thing:6,thing:7,thing:8', ', 0, 200');
	for my $round (1 .. 3)
	{
		OdooEvents::Receiver::wait_until(sub { kill 0, (starts())[-1]{pid} }, 'it runs');
		kill 9, (starts())[-1]{pid};
		make("round$round", 'thing:6');
	}
	unharmed('bus');
	my (%seen, %last, $backwards);
	foreach my $m (messages('load'))
	{
		my $i = decode_json($m->{body})->{data}{n};
		$backwards++ if !$seen{"$m->{key} $i"}++ && $i < ($last{ $m->{key} } // 0);
		$last{ $m->{key} } = $i;
	}
	is(scalar(keys %seen), 600, 'each came');
	is($backwards // 0, 0, 'in order per key');
};

subtest 'a message without an answer is given up alone while others are answered' => sub {
	my $before = scalar(starts());
	rule({ do => 'hang', match => 'thing.hung', times => 1 });
	make('hung', 'thing:9');
	for (1 .. 20)
	{
		make('meanwhile', "thing:1$_");
		select undef, undef, undef, 0.1;
		last if grep { $_->{frame} eq 'A' } ledger();
	}
	ok(OdooEvents::Receiver::wait_until(sub { grep { $_->{frame} eq 'A' } ledger() }, 'the program is told'), 'the program is told that the answer is not wanted');
	unharmed('bus');
	is(scalar(messages('hung')), 2, 'it was sent again');
	is(scalar(starts()), $before, 'by the same process');
};

subtest 'a program that reads no more is handed a bounded amount; webhooks go on' => sub {
	$node->safe_psql($db, q{SELECT odoo_events.alter_subscription('bus', timeout => '1 min')});
	make('before', 'thing:1');
	ok(delivered('bus'), 'it runs');
	my $pid = (starts())[-1]{pid};
	kill 'STOP', $pid;
	make('bulk', join(',', map { "thing:$_" } 1 .. 400), ', 50000');
	ok(delivered('web'), 'the webhook has all 20 MB');
	ok(status('bus', 'in_flight > 0'), 'the program was handed some of it');
	my $held = $node->safe_psql($db, q{SELECT in_flight FROM odoo_events.subscription_status WHERE name = 'bus'});
	cmp_ok($held, '<=', 150, "but little ($held messages)");
	kill 'CONT', $pid;
	unharmed('bus');
	is(scalar(messages('bulk')), 400, 'all came once');
	is((starts())[-1]{pid}, $pid, 'by the same process');
};

subtest 'nothing is lost when the worker or the server ends' => sub {
	my $pid = (starts())[-1]{pid};
	make('ends', 'thing:1,thing:2', ', 0, 50');
	$node->safe_psql($db, q{SELECT pg_terminate_backend(pid, 10000) FROM odoo_events.worker_status});
	OdooEvents::Receiver::wait_until(sub { !kill 0, $pid }, 'the program ends with its worker');
	unharmed('bus');
	$pid = (starts())[-1]{pid};
	make('ends', 'thing:3,thing:4', ', 0, 50');
	$node->stop('immediate');
	OdooEvents::Receiver::wait_until(sub { !kill 0, $pid }, 'and with the server');
	$node->start;
	$started = $node->safe_psql($db, 'SELECT pg_postmaster_start_time()');
	unharmed('bus');
	my %seen = map { my $e = decode_json($_->{body}); ("$_->{key} $e->{data}{n}" => 1) } messages('ends');
	is(scalar(keys %seen), 200, 'each came');
};

subtest 'a program without subscriptions ends; a database with one can be dropped' => sub {
	is(subscribe('other', 'kafka://127.0.0.1:9092/acme', q{transport => '{"compacted": true}'}), '', 'another kind of broker');
	make('made', 'thing:1');
	make('deleted', 'thing:1');
	unharmed('other');
	my @kafka = grep { $_->{kind} eq 'kafka' && $_->{frame} eq 'M' } ledger();
	is_deeply([ map { $_->{flags} } @kafka ], [ 0, 0, 1 ], 'of a record that is gone a compacted topic gets a tombstone after the event');
	is($kafka[2]{body}, undef, 'which has no body');
	is($kafka[2]{key}, $kafka[1]{key}, 'and the same key');
	my $pid = $kafka[0]{pid};
	$node->safe_psql($db, q{SELECT odoo_events.unsubscribe('other')});
	OdooEvents::Receiver::wait_until(sub { !kill 0, $pid }, 'it ends');
	$pid = (grep { $_->{kind} eq 'nats' } starts())[-1]{pid};
	ok(kill(0, $pid), 'the other one still runs');
	$node->safe_psql('postgres', "DROP DATABASE $db");
	OdooEvents::Receiver::wait_until(sub { !kill 0, $pid }, 'until its database is dropped');
};

$node->stop;
done_testing();

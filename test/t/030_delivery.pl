# check-all: a receiver in Node judges it with public libraries
# From a transaction of Odoo to a signed webhook: recorded days reach receivers complete, signed and in order, whatever endpoints do.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use MIME::Base64;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('delivery', "odoo_events.restart_delay = '1s'\n");

# What the outbox holds, but for pings to others and events about delivery, against what a receiver has acknowledged: the same ids and texts, each key in order.
sub complete
{
	my ($db, $receiver, $path, $where, $name) = @_;
	my $ids = qq{SELECT id FROM odoo_events.outbox_all WHERE $where AND type !~ '[.](disabled|dead_lettered)[.]v1'};
	my $want = $node->safe_psql($db, "SELECT count(*) FROM ($ids) x");
	$receiver->wait_for(sub { my %seen; $seen{$_}++ foreach map { @{ $_->{ids} } } grep { $_->{status} == 204 } @_; keys %seen >= $want },
		"$name: $want events arrive", $path);
	my %seen = map { $_->{id} => 1 } $receiver->events($path);
	is(join(',', sort keys %seen), join(',', sort split /\n/, $node->safe_psql($db, $ids)), "$name: just the events of the outbox");
	is_deeply([ $receiver->problems($path) ], [], "$name: signed, in order, the same bytes under an id");
}

my ($public, $receiver, $db);

subtest 'every event of each recording satisfies a library that nobody here wrote' => sub {
	$public = OdooEvents->receiver('node');
	foreach my $day (
		[ 'sales', 'odoo19', 'odoo19-sales' ],
		[ 'manufacturing', 'odoo19', 'odoo19-manufacturing' ],
		[ 'purchase', 'odoo19', 'odoo19-purchase-maintenance-repair' ],
		[ 'changes', 'odoo19', 'odoo19-changes' ],
		[ 'fourteen', 'odoo14', 'odoo14-all' ])
	{
		my ($db, $base, $trace) = @$day;
		OdooEvents->load($node, $db, $base);
		$node->safe_psql($db, 'SELECT odoo_events.attach()');
		$public->subscribe($node, $db, 'all', "/$db", q{clearance => '{public,internal,confidential,personal}'});
		OdooEvents->replay($node, $db, $trace);
		ok($node->poll_query_until($db, q{SELECT count(*) > 20 FROM odoo_events.outbox_all}), "$db: events are published");
		ok($node->poll_query_until($db, q{SELECT lag_events = 0 AND position = odoo_events._last_position()
			AND NOT (SELECT pending FROM odoo_events._worker()) FROM odoo_events.subscription_status}), "$db: all is delivered");
		complete($db, $public, "/$db", 'true', $db);
		is($node->safe_psql($db, 'SELECT count(*), COALESCE(max(position), 0), count(DISTINCT id) FROM odoo_events.outbox_all'),
			$node->safe_psql($db, 'SELECT count(*), count(*), count(*) FROM odoo_events.outbox_all'), "$db: positions without gaps, ids once");
		is($node->safe_psql($db, 'SELECT count(*) FROM odoo_events.quarantine'), '0', "$db: nothing in quarantine");
		is($node->safe_psql($db, 'SELECT count(*) FROM odoo_events.capture_error'), '0', "$db: no gap");
	}
};

subtest 'a request looks as it is documented' => sub {
	my ($first) = $public->ledger('/sales');
	like($first->{headers}{'user-agent'}, qr{^odoo_events/\S+ \(\+PostgreSQL \d+}, 'user agent');
	is($first->{headers}{'content-type'}, 'application/cloudevents+json', 'content type');
	is($first->{headers}{'webhook-attempt'}, '1', 'first attempt');
	like($first->{headers}{traceparent}, qr/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/, 'traceparent');
	is($first->{body}, $node->safe_psql('sales', "SELECT event FROM odoo_events.outbox_all WHERE id = '$first->{webhook_id}'"),
		'the body is the event of the outbox, byte for byte');
};

subtest 'a subscription gets pings, and events of its types and companies only' => sub {
	$receiver = OdooEvents->receiver;
	$db = 'misbehaving';
	OdooEvents->load($node, $db, 'odoo19');
	$node->safe_psql($db, 'SELECT odoo_events.attach()');
	$receiver->subscribe($node, $db, 'moves', '/moves', q{types => '{odoo.inventory.*}'});
	$receiver->subscribe($node, $db, 'down', '/down', q{retry_schedule => '{200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms}'});
	$receiver->subscribe($node, $db, 'gone', '/gone');
	$receiver->subscribe($node, $db, 'hang', '/hang', q{timeout => '1 hour'});
	$receiver->subscribe($node, $db, 'later', '/later', q{types => '{odoo.logistics.*}'});
	$receiver->subscribe($node, $db, 'poison', '/poison', q{retry_schedule => '{0s,10ms,10ms}', types => '{odoo.logistics.*}'});
	$receiver->subscribe($node, $db, 'batches', '/batches', q{format => 'batch', batch_size => 10});
	$receiver->subscribe($node, $db, 'paused', '/paused');
	$node->safe_psql($db, q{SELECT odoo_events.pause('paused'); SELECT odoo_events.ping('moves')});
	$receiver->wait_for(sub { @_ >= 1 }, 'the ping arrives', '/moves');
	is(($receiver->events('/moves'))[0]->{type}, 'odoo.platform.subscription.pinged.v1', 'a ping, whatever the types');
	is(scalar($receiver->ledger('/batches')), 0, 'only to whom it is meant');

	# 'down' fails a few times at first; 'later' says when to come back, once; a transfer is 'poison' for ever
	$receiver->misbehave(
		{ path => '^/down$', status => 500, times => 5 },
		{ path => '^/later$', status => 429, headers => { 'Retry-After' => '1' }, times => 1 },
		{ path => '^/poison$', key => '^transfer:1$', status => 500 },
		{ path => '^/batches$', status => 503, times => 2 });
	OdooEvents->replay($node, $db, 'odoo19-sales');
	ok($node->poll_query_until($db, q{SELECT lag_events = 0 AND position > 20 FROM odoo_events.subscription_status WHERE name = 'moves'}),
		'an endpoint that answers gets all');
	complete($db, $receiver, '/moves', q{type LIKE 'odoo.inventory.%' OR subject = 'subscription/moves'}, 'by type');
	complete($db, $receiver, '/down', q{type NOT LIKE 'odoo.platform.%'}, 'down and back');
	complete($db, $receiver, '/later', q{type LIKE 'odoo.logistics.%'}, 'Retry-After');
	complete($db, $receiver, '/batches', q{type NOT LIKE 'odoo.platform.%'}, 'in batches');
	my ($refused, $again) = grep { $_->{status} == 503 || $_->{status} == 204 } $receiver->ledger('/batches');
	ok($refused->{webhook_id} ne '' && (grep { $_->{webhook_id} eq $refused->{webhook_id} && $_->{status} == 204
				&& $_->{sha256} eq $refused->{sha256} } $receiver->ledger('/batches')),
		'a refused batch comes again with the same members, id and bytes');
	cmp_ok((grep { @{ $_->{ids} } > 1 } $receiver->ledger('/batches')), '>', 0, 'batches hold several events');

	ok($node->poll_query_until($db, q{SELECT state = 'disabled' FROM odoo_events.subscription_status WHERE name = 'gone'}), '410 disables');
	is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.dead_letter WHERE subscription = 'gone'}), '0', 'and loses nothing');
	is(scalar($receiver->ledger('/paused')), 0, 'a paused subscription gets nothing');
	$node->safe_psql($db, q{SELECT odoo_events.resume('paused')});
	complete($db, $receiver, '/paused', q{type NOT LIKE 'odoo.platform.%'}, 'resumed');
	cmp_ok($node->safe_psql($db, q{SELECT in_flight FROM odoo_events.subscription_status WHERE name = 'hang'}), '>', 0,
		'while one endpoint hangs');
};

subtest 'dead letters can be replayed' => sub {
	ok($node->poll_query_until($db, q{SELECT lag_events = 0 AND dead_letters > 0 FROM odoo_events.subscription_status WHERE name = 'poison'}),
		'what is refused for good becomes dead letters');
	is($node->safe_psql($db, q{SELECT string_agg(DISTINCT o.partitionkey, ',') FROM odoo_events.dead_letter d JOIN odoo_events.outbox_all o USING (position)
		WHERE d.subscription = 'poison'}), 'transfer:1', 'of that document only');
	$receiver->misbehave();
	my $dead = $node->safe_psql($db, q{SELECT count(*) FROM odoo_events.dead_letter WHERE subscription = 'poison'});
	is($node->safe_psql($db, q{SELECT odoo_events.replay('poison', dead_letters => true)}), $dead, 'replay of the dead letters');
	ok($node->poll_query_until($db, q{SELECT NOT EXISTS (SELECT 1 FROM odoo_events.replay_status WHERE state = 'running')}), 'ends');
	my %poison = map { $_->{id} => 1 } $receiver->events('/poison');
	is(scalar(keys %poison), $node->safe_psql($db, q{SELECT count(*) FROM odoo_events.outbox_all WHERE type LIKE 'odoo.logistics.%'}),
		'and all have arrived');
};

subtest 'a replay of what was delivered has the same ids and bytes' => sub {
	my $before = () = $receiver->ledger('/later');
	my $n = $node->safe_psql($db, q{SELECT odoo_events.replay('later', keys => '{transfer:1}')});
	cmp_ok($n, '>', 1, 'a replay of one document');
	$receiver->wait_for(sub { @_ >= $before + $n }, 'the replay arrives', '/later');
	my @replayed = ($receiver->ledger('/later'))[ $before .. $before + $n - 1 ];
	is((grep { $_->{duplicate} } @replayed), $n, 'with ids already known');
	is_deeply([ $receiver->problems('/later') ], [], 'and the same bytes');
	my @positions = map { ${ JSON::PP->new->decode($_->{body}) }{sequence} } @replayed;
	is_deeply(\@positions, [ sort @positions ], 'in order');
};

subtest 'an endpoint that hangs does not keep the worker from ending' => sub {
	my $pid = $node->safe_psql($db, 'SELECT pid FROM odoo_events.worker_status');
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 30000)");
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid"), '0', 'terminated while an endpoint hangs');
	ok($node->poll_query_until($db, 'SELECT pid IS NOT NULL FROM odoo_events.worker_status'), 'and started again');
};

subtest 'an endpoint that was away gets everything when it comes back' => sub {
	my $absent = OdooEvents->receiver;
	$absent->stop;
	$absent->subscribe($node, $db, 'absent', '/absent', q{start_from => 'earliest', types => '{odoo.logistics.*}', retry_schedule =>
		'{200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,200ms,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s}'});
	ok($node->poll_query_until($db, q{SELECT failed_total > 0 FROM odoo_events.subscription_status WHERE name = 'absent'}),
		'refused connections are failures');
	$absent->start;
	$node->safe_psql($db, q{SELECT odoo_events.retry_now('absent')});
	complete($db, $absent, '/absent', q{type LIKE 'odoo.logistics.%'}, 'back again');
};

subtest 'a copy of the database sends nothing' => sub {
	my $sent = () = $receiver->ledger('/moves');
	$node->safe_psql('postgres', "CREATE DATABASE copy TEMPLATE $db");
	ok($node->poll_query_until('copy', q{SELECT state = 'idle' FROM odoo_events.worker_status}), 'a copy has its worker');
	$node->safe_psql('copy', q{SELECT odoo_events.ping('moves')});
	ok($node->poll_query_until('copy', q{SELECT lag_events > 0 FROM odoo_events.subscription_status WHERE name = 'moves'}), 'and its events');
	is(scalar($receiver->ledger('/moves')), $sent, 'and sends none of them');
};

subtest 'secrets are in no log, dump, view or pg_stat_activity' => sub {
	my $secret = $node->safe_psql($db, q{SELECT odoo_events.subscribe('token', 'https://127.0.0.1:1/x', allow_networks => '{127.0.0.0/8}',
		headers => '{"Authorization": "Bearer s3cr3t-t0ken"}')});
	$node->safe_psql($db, q{SELECT odoo_events.ping('token')});
	ok($node->poll_query_until($db, q{SELECT failed_total > 0 FROM odoo_events.subscription_status WHERE name = 'token'}), 'a request with secrets fails');
	my ($dump) = run_command([ 'pg_dump', '-d', $node->connstr($db) ]);
	my $everything = slurp_file($node->logfile) . $dump;
	foreach my $view (split /\n/, $node->safe_psql($db, q{SELECT c.oid::regclass FROM pg_class c JOIN pg_depend d ON d.objid = c.oid
		WHERE c.relkind = 'v' AND c.relnamespace = 'odoo_events'::regnamespace AND d.deptype = 'e'}))
	{
		$everything .= $node->safe_psql($db, "SELECT * FROM $view");
	}
	$everything .= $node->safe_psql($db, q{SELECT string_agg(a::text, '') FROM pg_stat_activity a WHERE pid <> pg_backend_pid()});
	unlike($everything, qr/s3cr3t-t0ken/, 'a header\'s value appears nowhere');
	unlike($everything, qr/\Q@{[substr($secret, 6)]}\E/, 'nor the signing secret');
	my $hex = unpack 'H*', MIME::Base64::decode_base64(substr($secret, 6));
	unlike($everything, qr/$hex/i, 'nor its bytes');
};

$node->stop;
done_testing();

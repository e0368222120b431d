# once: nothing here depends on the version of PostgreSQL
# Personal data leave events that are old, and go to endpoints where they may go only: seen at a receiver, in tables, dumps and replays.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

# brokers are named only, and machines without their libraries have no helper programs
my $programs = PostgreSQL::Test::Utils::tempdir;
symlink('/bin/true', "$programs/odoo_events_kafka");
my $node = OdooEvents->node('residency', "odoo_events.restart_delay = '200ms'\nlisten_addresses = '127.0.0.1'\nodoo_events.program_directory = '$programs'\n");
my $db = 'plant';
OdooEvents->load($node, $db, 'odoo19');
my $receiver = OdooEvents->receiver;
my $name = 'Zacharias Quittenbaum';
sub sql { return $node->safe_psql($db, $_[0]) }
sub fails { return ($node->psql($db, $_[0]))[2] }
my $partner = sql('SELECT max(id) FROM res_partner');
sql(qq{UPDATE res_partner SET name = '$name' WHERE id = $partner; SELECT odoo_events.enable_event('odoo.master_data.partner.changed.v1'); SELECT odoo_events.attach()});
my $all = q{types => '{odoo.master_data.*}', clearance => '{public,internal,personal}', retry_schedule => '{100ms,100ms,1h}'};
$receiver->subscribe($node, $db, 'inside', '/inside', $all);
$receiver->subscribe($node, $db, 'public', '/public', q{types => '{odoo.master_data.*}'});
$receiver->subscribe($node, $db, 'dead', '/dead', "$all, on_reject => 'dead'");
$receiver->misbehave({ path => '/dead', status => 422, body => "no $name" });
sql(q{SELECT odoo_events.subscribe('pull', NULL, types => '{odoo.master_data.*}', clearance => '{public,personal}', start_from => 'earliest')});
my $n = 0;
sub change { $n++; sql(qq{UPDATE res_partner SET city = 'Quittenhausen $n' WHERE id = $partner}); return $n }
sub at { my ($path) = @_; return scalar(() = $receiver->events($path)) }
sub arrives { my ($path, $before) = @_; return $receiver->wait_for(sub { at($path) > $before }, "an event arrives at $path") }
my $port = $receiver->{port};

subtest 'personal data go to some networks and hosts only' => sub {
	change();
	arrives('/inside', 0);
	arrives('/public', 0);
	is(sql(q{SELECT string_agg(subscription || ' ' || effect, ', ' ORDER BY 1) FROM odoo_events.set_residency('{personal}', networks => '{127.0.0.0/8}') WHERE subscription IS NOT NULL}),
		'dead goes on, to addresses in these networks only, inside goes on, to addresses in these networks only, pull goes on, to addresses in these networks only', 'it says whom it concerns');
	like(sql(q{SELECT string_agg(effect, ' ') FROM odoo_events.set_residency('{personal}', networks => '{127.0.0.0/8}') WHERE subscription IS NULL}), qr/not reached: whoever reads views.*dumps/, 'and what it does not reach');
	my $before = at('/inside');
	change();
	ok(arrives('/inside', $before), 'an endpoint in the network gets them');
	sql(q{SELECT * FROM odoo_events.set_residency('{personal}', networks => '{10.0.0.0/8}')});
	my ($inside, $public) = (at('/inside'), at('/public'));
	change();
	ok(arrives('/public', $public), 'who is not cleared for them goes on');
	ok($node->poll_query_until($db, q{SELECT EXISTS (SELECT 1 FROM odoo_events.attempt WHERE subscription = 'inside' AND error LIKE '%outside the networks of set_residency()')}), 'another network is refused when the connection is made, or was made before');
	is(at('/inside'), $inside, 'nothing arrives');
	my $tcp = sub { my (undef, $o, $e) = $node->psql($db, q{SELECT count(*) FROM odoo_events.fetch('pull')}, connstr => "host=127.0.0.1 port=" . $node->port . " dbname=$db"); return $o . $e };
	like($tcp->(), qr/may not go to 127.0.0.1/, 'nor may a consumer fetch them from there');
	sql(q{SELECT * FROM odoo_events.set_residency('{personal}', networks => '{127.0.0.1/32}'); SELECT odoo_events.retry_now('inside'); SELECT odoo_events.retry_now('dead')});
	like($tcp->(), qr/^\d+$/, 'but from another address');
	ok(arrives('/inside', $inside), 'what waited arrives when it may');
	is(sql(q{SELECT string_agg(subscription, ' ' ORDER BY 1) FROM odoo_events.set_residency('{personal}', hosts => '{*.example.com}') WHERE effect LIKE 'paused by%'}), 'dead inside pull', 'another host pauses subscriptions');
	like(fails(q{SELECT odoo_events.resume('inside')}), qr/may not get personal data: host 127.0.0.1 is none of/, 'which cannot be resumed');
	like(fails(q{SELECT odoo_events.subscribe('more', 'https://203.0.113.9/x', clearance => '{personal}')}), qr/may not get personal data/, 'nor made');
	like(fails(q{SELECT odoo_events.alter_subscription('public', clearance => '{public,personal}')}), qr/may not get personal data/, 'nor cleared for them');
	like(fails(q{SELECT odoo_events.subscribe('broker', 'kafka://k.example.com,other.org/x', clearance => '{personal}')}), qr/host other.org is none of/, 'each host of a broker counts');
	my ($dump) = run_command([ 'pg_dump', '-d', $node->connstr($db), '-n', 'odoo_events', '-f', $node->basedir . '/dump.sql' ]);
	is(sql(q{SELECT string_agg(action || ' ' || risk || ' ' || effect, ', ') FROM odoo_events.config_diff('{"residency": {"personal": {"hosts": ["127.*"]}}}')}), 'change medium pauses no subscription', 'config_diff() says what a change does');
	sql(q{SELECT odoo_events.config_apply('{"residency": {}}', dry_run => false, prune => true); SELECT odoo_events.resume('inside'); SELECT odoo_events.resume('dead'); SELECT odoo_events.resume('pull')});
	is(sql(q{SELECT count(*) FROM odoo_events.residency_rule}), '0', 'config_apply() ends it');
};

subtest 'personal data leave old events' => sub {
	OdooEvents::delivered($node, $db, $_) for qw(inside public dead);
	sql(q{SELECT odoo_events.seal()});
	my %dry = map { split /\|/, $_, 2 } split /\n/, sql(q{SELECT place, rows FROM odoo_events.set_retention('personal', '1 hour')});
	is("$dry{outbox} $dry{dead_letter}", '0 0', 'nothing is old');
	sql(qq{UPDATE odoo_events.outbox_$_ SET recordedtime = recordedtime - interval '2 hours' WHERE position <= (SELECT max(position) - 1 FROM odoo_events.outbox_all WHERE type LIKE 'odoo.master_data.%')}) for 0 .. 7;
	sql(q{UPDATE odoo_events.dead SET first_at = first_at - interval '2 hours'; UPDATE odoo_events.attempt_0 SET at = at - interval '2 hours'; UPDATE odoo_events.attempt_1 SET at = at - interval '2 hours'});
	%dry = map { split /\|/, $_, 2 } split /\n/, sql(q{SELECT place, rows FROM odoo_events.set_retention('personal', '1 hour')});
	cmp_ok($dry{outbox} * $dry{dead_letter} * $dry{attempt}, '>', 0, 'a dry run counts what is old');
	is(sql('SELECT count(*) FROM odoo_events.retention_rule'), '0', 'and keeps nothing');
	ok(exists $dry{q{not reached: WAL, backups, standbys' archives, archives with proofs, consumers; old row versions until VACUUM}}, 'it says what is not reached');
	my $pid = sql('SELECT pid FROM odoo_events.worker_status');
	sql(q{SELECT odoo_events.set_retention('personal', '1 hour', dry_run => false); SELECT odoo_events._retain(2)});
	# one call does it, unless the worker has the evidence log at that moment
	ok($node->poll_query_until($db, q{SELECT EXISTS (SELECT 1 FROM odoo_events.retention_run WHERE ended_at IS NOT NULL) FROM odoo_events._retain()}), 'a run ends');
	is(sql(qq{SELECT count(*) FROM odoo_events.outbox_all WHERE recordedtime < now() - interval '1 hour' AND event LIKE '%$name%'}), '0', 'the name is in no old event');
	is(sql(qq{SELECT count(*) FROM odoo_events.dead WHERE event LIKE '%$name%' OR subject LIKE '%$name%'}), '0', 'nor in a dead letter');
	is(sql(qq{SELECT count(*) FROM odoo_events.attempt WHERE response LIKE '%$name%'}), '0', 'nor in an answer');
	cmp_ok(sql(qq{SELECT count(*) FROM odoo_events.outbox_all WHERE event LIKE '%$name%'}), '>', 0, 'younger events keep it');
	is(sql(q{SELECT string_agg(DISTINCT proof ->> 'event', ' ' ORDER BY proof ->> 'event') FROM odoo_events.archive('-infinity') WHERE proof IS NOT NULL}), 'erased whole', 'all of them still verify');
	ok($node->poll_query_until($db, q{SELECT bool_and(acknowledged_at IS NOT NULL) FROM odoo_events.erasure}), 'the worker has forgotten');
	isnt(sql('SELECT pid FROM odoo_events.worker_status'), $pid, 'it is another process');
	is(sql(q{SELECT count(*) FROM odoo_events.outbox_all WHERE type = 'odoo.platform.retention.applied.v1'}), '1', 'consumers are told') if $node->poll_query_until($db, q{SELECT EXISTS (SELECT 1 FROM odoo_events.outbox_all WHERE type = 'odoo.platform.retention.applied.v1')});
	my $from = () = $receiver->ledger;
	sql(q{SELECT odoo_events.replay('inside', from_position => 1, to_position => (SELECT max(position) FROM odoo_events.outbox_all WHERE recordedtime < now() - interval '1 hour'))});
	$node->poll_query_until($db, q{SELECT bool_and(state = 'done') FROM odoo_events.replay_status});
	my @sent = $receiver->ledger;
	unlike(join(' ', map { $_->{body} } @sent[ $from .. $#sent ]), qr/$name/, 'a replay does not send it');
	sql('SELECT odoo_events._retain()');
	is(sql('SELECT count(*) FROM odoo_events.erasure'), '1', 'a day passes before the next run');
};

subtest 'rules are in dumps' => sub {
	sql(q{SELECT odoo_events.set_residency('{confidential}', hosts => '{*.example.com}'); SELECT odoo_events.set_residency('{personal}', networks => '{10.0.0.0/8}')});
	# a dump has the rows as they lie in the table: those of the rules last
	sql(q{UPDATE odoo_events.saved_config SET line = line WHERE id LIKE 'residency%'});
	my $file = $node->basedir . '/dump.sql';
	run_command([ 'pg_dump', '-d', $node->connstr($db), '-f', $file ]);
	$node->safe_psql('postgres', q{CREATE DATABASE back OWNER odoo TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'});
	run_command([ 'psql', '-qX', '-d', $node->connstr('back'), '-f', $file ]);
	is($node->safe_psql('back', q{SELECT odoo_events.config_export('{residency,retention}')}), sql(q{SELECT odoo_events.config_export('{residency,retention}')}), 'they come back');
	is($node->safe_psql('back', q{SELECT bool_and(residence = '{10.0.0.0/8}') FROM odoo_events.subscription_config WHERE 'personal' = ANY (clearance)}), 't', 'and hold for subscriptions that come back before them');
	is($node->safe_psql('back', 'SELECT count(*) FROM odoo_events.seal_log'), '0', 'the evidence log does not');
};
$node->stop;
done_testing();

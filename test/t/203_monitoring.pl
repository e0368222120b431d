# once: Debian's programs and the files of contrib/monitoring
# check-all: needs Prometheus, its exporters and Alertmanager
# contrib/monitoring with Debian's programs: all three exporters give the samples the same names, alerts arrive at a webhook with severity, owner and
# runbook, and every statement of docs/runbooks.md can be executed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Copy qw(copy);
use File::Spec;
use IO::Socket::INET;
use IPC::Run;
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = File::Spec->rel2abs("$FindBin::RealBin/../..");
my @programs = map { "/usr/bin/$_" } qw(prometheus promtool prometheus-alertmanager prometheus-sql-exporter prometheus-postgres-exporter prometheus-node-exporter);
plan skip_all => 'Prometheus and its exporters are not installed: apt-get install prometheus prometheus-alertmanager prometheus-sql-exporter prometheus-postgres-exporter prometheus-node-exporter'
  if grep { !-x $_ } @programs;

my $dir = PostgreSQL::Test::Utils::tempdir;
my %rules = map { slurp_file($_) =~ /^\s+- alert:/m ? (alerts => slurp_file($_)) : () } glob "$top/contrib/monitoring/*rules.yml";
my $node = OdooEvents->node('monitoring', "listen_addresses = '127.0.0.1'\nodoo_events.restart_delay = '100ms'\nwal_level = logical\n");
my $db = 'plant';
OdooEvents->load($node, $db, 'odoo19');
$node->safe_psql($db, q{SELECT odoo_events.attach(); CREATE ROLE prometheus LOGIN IN ROLE pg_monitor});
my $receiver = OdooEvents->receiver;
$receiver->subscribe($node, $db, 'wms', '/wms', q{types => '{test.*}'});
$node->safe_psql($db, q{SELECT odoo_events.set_care(subscriptions => '{wms}', owner => 'Shipping IT', contact => 'it@example.com', runbook => 'https://wiki.example.com/wms')});

sub run_tool { my (@command) = @_; my ($out, $err) = ('', ''); my $ok = IPC::Run::run(\@command, '>', \$out, '2>', \$err); return ($ok, "$out$err") }

subtest 'promtool: every alert fires once, and the known false alarms do not' => sub {
	my ($ok, $said) = run_tool('/usr/bin/promtool', 'test', 'rules', "$top/contrib/monitoring/rules_test.yml");
	ok($ok, 'rules_test.yml passes') or diag $said;
	my $tests = slurp_file("$top/contrib/monitoring/rules_test.yml");
	is(join(' ', grep { $tests !~ /^- name: $_ fires$/m } $rules{alerts} =~ /^\s+- alert: (\w+)/mg), '', 'no alert is left out');
	($ok, $said) = run_tool('/usr/bin/promtool', 'check', 'config', "$top/contrib/monitoring/prometheus.yml");
	ok($ok, 'prometheus.yml is valid') or diag $said;
};

subtest 'each label of a metric is passed on by each exporter' => sub {
	my @labels = split / /, $node->safe_psql($db, q{SELECT string_agg(DISTINCT l, ' ') FROM odoo_events.metrics() m, jsonb_object_keys(m.labels) l});
	foreach my $name (qw(sql_exporter_debian.yml sql_exporter_collector.yml postgres_exporter.yml))
	{
		my $file = slurp_file("$top/contrib/monitoring/$name");
		# Debian's exporter has the name of the database from its connection
		is(join(' ', grep { $file !~ /m\.labels ->> '$_'/ && "$name $_" ne 'sql_exporter_debian.yml database' } @labels), '', "$name has them all");
	}
};

subtest 'runbooks: a section for each alert and check, whose statements can be executed' => sub {
	my $pages = slurp_file("$top/docs/runbooks.md");
	is(join(' ', grep { $pages !~ /^## $_$/m } $rules{alerts} =~ /^\s+- alert: (\w+)/mg), '', 'each alert has a section');
	my $checks = $node->safe_psql($db, q{SELECT string_agg(DISTINCT split_part("check", ' ', 1), ' ') FROM odoo_events.health() WHERE "check" NOT LIKE 'output %'});
	is(join(' ', grep { $pages !~ /^## health: $_$/m } split(/ /, $checks), 'output plugin', 'endpoint', 'slots', 'disk', 'roles', 'wal', 'sunset', 'credentials', 'loops', 'limits', 'indexes', 'readers', 'outcomes', 'rejections', 'evidence', 'flows', 'announced'),
		'', 'so has each check of health()');
	foreach my $sql ($pages =~ /^```sql\n(.*?)^```/msg)
	{
		my ($status, $out, $err) = $node->psql($db, $sql, on_error_stop => 1);
		is($status, 0, 'executed: ' . substr($sql, 0, 60) =~ s/\n.*//sr) or diag $err;
	}
};

# Programs on loopback, on free ports, ended with the test.
sub free_port { my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die; return $s->sockport }
my @running;
sub start
{
	my ($name, $env, @command) = @_;
	local @ENV{ keys %$env } = values %$env;
	push @running, IPC::Run::start(\@command, '<', File::Spec->devnull, '>', "$dir/$name.log", '2>&1');
	return;
}
END { my $status = $?; $_->kill_kill(grace => 3) foreach @running; $? = $status }

# GET of a page; undef while nobody answers
sub page
{
	my ($port, $path) = @_;
	my ($out, $err) = ('', '');
	return IPC::Run::run([ 'curl', '-sf', '-m', '10', "http://127.0.0.1:$port$path" ], '>', \$out, '2>', \$err) ? $out : undef;
}
sub file { my ($name, $text) = @_; unlink "$dir/$name"; append_to_file("$dir/$name", $text); return "$dir/$name" }

my %port = map { $_ => free_port() } qw(prometheus alertmanager sql postgres node);
my $dsn = "postgres://prometheus\@127.0.0.1:" . $node->port . "/$db?sslmode=disable";

# exporters with the files as they are, but for where the database is, and faster
(my $sql_exporter = slurp_file("$top/contrib/monitoring/sql_exporter_debian.yml")) =~ s{postgres://[^']*}{$dsn};
$sql_exporter =~ s/interval: '15s'/interval: '1s'/;
start('sql', {}, '/usr/bin/prometheus-sql-exporter', '-config.file', file('sql.yml', $sql_exporter), '-web.listen-address', "127.0.0.1:$port{sql}");
start('postgres', { DATA_SOURCE_NAME => $dsn }, '/usr/bin/prometheus-postgres-exporter', '--extend.query-path', "$top/contrib/monitoring/postgres_exporter.yml",
	'--web.listen-address', "127.0.0.1:$port{postgres}", '--disable-default-metrics', '--disable-settings-metrics');
mkdir "$dir/textfile";
file('textfile/odoo_events.prom', $node->safe_psql($db, 'SELECT odoo_events.metrics_text()'));
start('node', {}, '/usr/bin/prometheus-node-exporter', '--collector.disable-defaults', '--collector.textfile', '--collector.textfile.directory', "$dir/textfile", '--web.listen-address', "127.0.0.1:$port{node}");

# Alertmanager tells a webhook, which is our receiver
start('alertmanager', {}, '/usr/bin/prometheus-alertmanager', '--config.file', file('alertmanager.yml', <<YML), '--storage.path', "$dir/am", '--web.listen-address', "127.0.0.1:$port{alertmanager}", '--cluster.listen-address', '');
route: {receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s}
receivers: [{name: hook, webhook_configs: [{url: "@{[ $receiver->url('/alerts') ]}"}]}]
YML

# Prometheus: three jobs by the relabelling of prometheus.yml; alerts without their waiting times
my $config = slurp_file("$top/contrib/monitoring/prometheus.yml");
my ($relabel) = $config =~ /(  metric_relabel_configs:\n.*?)^#/ms;
copy("$top/contrib/monitoring/recording.yml", "$dir/recording.yml");
(my $alerts = $rules{alerts}) =~ s/^    for: .*\n//mg;
file('rules.yml', $alerts);
my $jobs = join '', map { "- job_name: $_\n  static_configs: [{targets: ['127.0.0.1:$port{$_}']}]\n$relabel" } qw(sql postgres node);
start('prometheus', {}, '/usr/bin/prometheus', '--config.file', file('prometheus.yml', <<YML), '--storage.tsdb.path', "$dir/tsdb", '--web.listen-address', "127.0.0.1:$port{prometheus}");
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [recording.yml, rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:$port{alertmanager}']}]}]}
scrape_configs:
$jobs
YML

# The labels and values of an instant query.
sub query
{
	my ($expr) = @_;
	(my $escaped = $expr) =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ge;
	my $answer = page($port{prometheus}, "/api/v1/query?query=$escaped");
	return defined $answer ? @{ JSON::PP::decode_json($answer)->{data}{result} } : ();
}
sub answers { my ($expr, $n, $what) = @_; return ok(OdooEvents::Receiver::wait_until(sub { query($expr) >= $n }, $what), $what) }

subtest 'each exporter gives the samples their names, and the label of the database' => sub {
	foreach my $job (qw(sql postgres node))
	{
		answers(qq{odoo_events_worker_up{job="$job",database="plant"} == 1}, 1, "$job: worker_up") or diag slurp_file("$dir/$job.log");
		answers(qq{odoo_events_subscription_state{job="$job",database="plant",subscription="wms",state="active"} == 1}, 1, "$job: a state");
		answers(qq{odoo_events_delivery_duration_seconds_bucket{job="$job",le="+Inf"}}, 1, "$job: a histogram");
		my ($info) = query(qq{odoo_events_subscription_info{job="$job"}});
		is($info->{metric}{owner}, 'Shipping IT', "$job: who looks after it");
	}
};

# What has arrived at the webhook, by name, and by name and subscription.
my %arrived;
sub arrived
{
	my (@names) = @_;
	return OdooEvents::Receiver::wait_until(sub {
		foreach my $request ($receiver->ledger('/alerts'))
		{
			foreach my $alert (@{ JSON::PP::decode_json($request->{body})->{alerts} })
			{
				$arrived{ $alert->{labels}{alertname} } //= $alert;
				$arrived{"$alert->{labels}{alertname} $alert->{labels}{subscription}"} //= $alert if $alert->{labels}{subscription};
			}
		}
		return !grep { !$arrived{$_} } @names;
	}, "arrived: @names") || diag 'arrived: ' . join ' ', sort keys %arrived;
}
sub sql { my ($sql) = @_; return $node->safe_psql($db, $sql) }

subtest 'alerts about the server and about capture arrive at a webhook, with severity, owner and runbook' => sub {
	# what the worker would have written; the rest is real
	sql(q{INSERT INTO odoo_events.capture_gap VALUES ('1', 'stock_picking', 'stock_picking'::regclass, now(), 3, 'no room');
	  INSERT INTO odoo_events.quarantined (change_id, xid, at, rule, relid, op, key, entity, reason, attempts) VALUES (1, '1', now(), 'stock_picking', 'stock_picking'::regclass, 'U', 'transfer:1', 'transfer', 'no room', 1);
	  WITH d AS (SELECT * FROM odoo_events._disk_space())
	  INSERT INTO odoo_events.disk_sample SELECT d.part, clock_timestamp() - i * interval '1 min', d.free + d.free / 100 * i, d.total FROM d, generate_series(1, 59) i ON CONFLICT DO NOTHING;
	  INSERT INTO odoo_events.flow_anomaly (flow, kind, since, told_at, seen, n, expected, low, high, score) VALUES (0, 'silence', now(), now(), now(), 0, 50, 25, 100, -7);
	  SELECT pg_create_logical_replication_slot('lake', 'test_decoding')});
	sql(q{SELECT pg_switch_wal() FROM (SELECT pg_logical_emit_message(false, 'x', 'y')) x}) foreach 1 .. 17;
	# a role that is refused more and more often, and a worker that ends again and again
	sql(q{CREATE ROLE nosy LOGIN; GRANT USAGE ON SCHEMA odoo_events TO nosy; GRANT EXECUTE ON FUNCTION odoo_events.pause TO nosy; SELECT odoo_events.set_policy('nosy', may => '{operate}', types => '{none.*}')});
	my %again = (OdooEventsDenied => sub { $node->psql($db, q{SELECT odoo_events.pause('wms')}, connstr => $node->connstr($db) . ' user=nosy') foreach 1 .. 6 },
		OdooEventsWorkerRestarts => sub { sql(q{SELECT pg_terminate_backend(pid) FROM odoo_events.worker_status WHERE pid IS NOT NULL}) });
	OdooEvents::Receiver::wait_until(sub {
		$_->() foreach values %again;
		return !grep { !query(qq{ALERTS{alertname="$_",alertstate="firing"}}) } keys %again;
	}, 'refusals and restarts are noticed');
	arrived(qw(OdooEventsCaptureGap OdooEventsQuarantine OdooEventsDiskFull OdooEventsSlotInactive OdooEventsFlowUnusual OdooEventsDenied OdooEventsWorkerRestarts));
	is($arrived{OdooEventsCaptureGap}{labels}{owner}, 'dba', 'OdooEventsCaptureGap has an owner');
	is($arrived{OdooEventsCaptureGap}{annotations}{runbook_url}, 'docs/runbooks.md#odooeventscapturegap', 'and a runbook');
	like($arrived{OdooEventsDenied}{annotations}{summary}, qr/^Role nosy is refused/, 'OdooEventsDenied says who');
	sql(q{SELECT pg_drop_replication_slot('lake')});
};

subtest 'alerts about subscriptions arrive, for whoever looks after them' => sub {
	$receiver->subscribe($node, $db, $_, "/$_", qq{types => '{test.*}', ordering => 'none', retry_schedule => '{1s}', on_reject => '@{[ $_ eq 'given_up' ? 'dead' : 'retry' ]}'}) foreach qw(given_up gone slow);
	$receiver->misbehave({ path => '^/(wms|given_up)', status => 422 }, { path => '^/gone', status => 410 }, { path => '^/slow', delay => 5.5, status => 204 });
	sql(q{INSERT INTO odoo_events.subscription_peer SELECT id, now() + interval '3 days', now() FROM odoo_events.subscription_config WHERE name = 'wms' ON CONFLICT (subscription_id) DO UPDATE SET expires_at = excluded.expires_at});
	OdooEvents::Receiver::wait_until(sub {
		sql(q{SELECT odoo_events.emit('test.plant.thing.done.v1', 'thing/' || i, '{}') FROM generate_series(1, 20) i});
		return query(q{ALERTS{alertname="OdooEventsRejected"}}) && query(q{ALERTS{alertname="OdooEventsSlow"}});
	}, 'refusals and slowness are noticed');
	# as if nothing had been acknowledged for an hour
	sql('UPDATE odoo_events.outbox_0 SET recordedtime = recordedtime - interval \'1 hour\'');
	arrived('OdooEventsRejected wms', qw(OdooEventsDeadLetters OdooEventsSubscriptionStopped OdooEventsSlow OdooEventsEndpointSlow OdooEventsCertificateEnds OdooEventsBehind));
	my $rejected = $arrived{'OdooEventsRejected wms'};
	is("$rejected->{labels}{owner} $rejected->{labels}{contact}", 'Shipping IT it@example.com', 'OdooEventsRejected is for whoever looks after the subscription');
	is($rejected->{annotations}{runbook}, 'https://wiki.example.com/wms', 'with the runbook that was given to set_care()');
	ok($arrived{$_}, "it says which: $_") foreach 'OdooEventsSubscriptionStopped gone', 'OdooEventsEndpointSlow slow', 'OdooEventsDeadLetters given_up', 'OdooEventsCertificateEnds wms';
	is(join(' ', grep { $arrived{$_} } qw(OdooEventsAbsent OdooEventsNotArmed OdooEventsPublishLag)), '', 'and nothing that is not so');
};

subtest 'alerts that nothing is sent, published or known arrive' => sub {
	sql('SELECT odoo_events.disarm()');
	arrived('OdooEventsNotArmed');
	is($arrived{OdooEventsNotArmed}{labels}{severity}, 'critical', 'OdooEventsNotArmed has a severity');
	$node->append_conf('postgresql.conf', "odoo_events.databases = 'none-such'\n");
	$node->reload;
	sql(q{SELECT pg_terminate_backend(pid) FROM odoo_events.worker_status WHERE pid IS NOT NULL});
	sql(q{SELECT odoo_events.emit('test.plant.thing.done.v1', 'thing/0', '{}')});
	sql("UPDATE odoo_events.journal_$_ SET at = at - interval '2 min'") foreach 0 .. 2;
	arrived(qw(OdooEventsDown OdooEventsPublishLag));
	# a file that nobody renews any more
	(my $old = $node->safe_psql($db, 'SELECT odoo_events.metrics_text()')) =~ s/^(odoo_events_metrics_time_seconds\S*) .*/"$1 " . (time - 600)/me;
	file('textfile/odoo_events.prom', $old);
	arrived('OdooEventsStale');
	unlink "$dir/textfile/odoo_events.prom";
	$_->kill_kill(grace => 3) foreach @running[ 0, 1 ];
	arrived('OdooEventsAbsent');
	my @missing = grep { !$arrived{$_} } $rules{alerts} =~ /^\s+- alert: (\w+)/mg;
	is("@missing", 'OdooEventsFlapping OdooEventsPromisesBurnFast OdooEventsPromisesBurnSlow OdooEventsExceptionUntaken', 'all alerts have arrived but those for which a breaker has to open three times, or hours of promises to be broken');
};
$node->stop;
done_testing();

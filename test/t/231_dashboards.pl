# Grafana's dashboards: made from their table, and each expression of each panel answers something in a Prometheus that watches a living plant.
# once: expressions over metrics(); no version of PostgreSQL makes a difference
# check-all: it needs prometheus
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $grafana = "$FindBin::RealBin/../../contrib/monitoring/grafana";
my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = OdooEvents->node('dashboards');
my $db = 'plant';
OdooEvents->load($node, $db, 'odoo19');
$node->safe_psql($db, q{SELECT odoo_events.attach();
	SELECT odoo_events.define_sla('ship', '{odoo.sales.sales_order.confirmed.v1}', '{odoo.logistics.shipment.dispatched.v1}', within => '1 ms', owner => 'Dock')});
my $receiver = OdooEvents->receiver;
$receiver->subscribe($node, $db, 'wms', '/wms');

subtest 'the dashboards are what their table says' => sub {
	is(system('python3', "$grafana/dashboards.py", $dir), 0, 'dashboards.py runs');
	my @made = map { m{([^/]+)$} } glob "$dir/*.json";
	cmp_ok(scalar @made, '>=', 4, "it makes @made");
	foreach my $file (@made)
	{
		is(slurp_file("$grafana/$file"), slurp_file("$dir/$file"), "$file is up to date");
		my $panels = decode_json(slurp_file("$dir/$file"))->{panels};
		my %seen;
		is_deeply([ grep { $seen{"$_->{gridPos}{x},$_->{gridPos}{y}"}++ } @$panels ], [], "no panel of $file covers another");
	}
};

# A free port, for a program that cannot say which one it took.
sub free_port
{
	return PostgreSQL::Test::Cluster::get_free_port();
}

my $exporter = IPC::Run::start([ 'python3', "$FindBin::RealBin/../lib/metrics_server.py", "$dir/port", $node->connstr($db) . ' user=postgres' ],
	'<', File::Spec->devnull, '>', "$dir/exporter.log", '2>&1');
OdooEvents::Receiver::wait_until(sub { -s "$dir/port" }, 'the exporter listens');
chomp(my $port = slurp_file("$dir/port"));
append_to_file("$dir/prometheus.yml", <<"YAML");
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
- job_name: odoo_events
  static_configs: [{targets: ['127.0.0.1:$port']}]
YAML
my $http = HTTP::Tiny->new(timeout => 10);
my $listen = '127.0.0.1:' . free_port();
my $prometheus = IPC::Run::start([ 'prometheus', "--config.file=$dir/prometheus.yml", "--storage.tsdb.path=$dir/tsdb", "--web.listen-address=$listen" ],
	'<', File::Spec->devnull, '>', "$dir/prometheus.log", '2>&1');
OdooEvents::Receiver::wait_until(sub { $http->get("http://$listen/-/ready")->{success} }, 'Prometheus is ready');

OdooEvents->replay($node, $db, 'odoo19-sales');
ok(OdooEvents::delivered($node, $db, 'wms'), 'events flow');

# What an expression answers now: the number of series, or an error.
sub series
{
	my ($expression) = @_;
	my $answer = decode_json($http->post_form("http://$listen/api/v1/query", { query => $expression })->{content});
	return $answer->{status} eq 'success' ? scalar @{ $answer->{data}{result} } : $answer->{error};
}

subtest 'each expression of each panel answers a series' => sub {
	my @expressions = map { [ split /\t/ ] } split /\n/, `python3 "$grafana/dashboards.py" --expressions`;
	cmp_ok(scalar @expressions, '>', 20, scalar(@expressions) . ' expressions');
	foreach my $panel (@expressions)
	{
		my ($dashboard, $title, $expression) = @$panel;
		my $found = 0;
		OdooEvents::Receiver::wait_until(sub { $found = series($expression); $found =~ /^[1-9]/ || $found =~ /[a-z]/ }, "$dashboard: $title");
		like($found, qr/^[1-9]\d*$/, "$dashboard: $title");
	}
	is(series('odoo_events_no_such_metric{}'), 0, 'an expression that answers nothing would be found');
};

$prometheus->signal('TERM');
$prometheus->finish;
$exporter->kill_kill;
$node->stop;
done_testing;

# Only the database that was armed sends, and only while it is the one that was armed: seen at the receiver.  database.uuid changed, Odoo
# says neutralized, disarm().  220_restored_copies has the copies of the whole server.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use Test::More;

my $node = OdooEvents->node('copies', "odoo_events.restart_delay = '200ms'\n");
my $faults = $node->data_dir . '/oe_faults';
mkdir $faults;
open my $fh, '>', "$faults/arming-ms";
print $fh 20;
close $fh;
my $receiver = OdooEvents->receiver;
OdooEvents->load($node, 'plant', 'odoo19');
$node->safe_psql('plant', 'SELECT odoo_events.attach()');
OdooEvents->replay($node, 'plant', 'odoo19-sales');
$receiver->subscribe($node, 'plant', 'wms', '/wms');
my $toggle = q{UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id = 1};
my $last = 'SELECT odoo_events._last_position()';
my $done = q{SELECT lag_events = 0 AND position = odoo_events._last_position() FROM odoo_events.subscription_status};

# One more event in $server; answers its id.
sub publish_one
{
	my ($server) = @_;
	my $before = $server->safe_psql('plant', $last);
	$server->safe_psql('plant', $toggle);
	$server->poll_query_until('plant', "SELECT odoo_events._last_position() > $before");
	return $server->safe_psql('plant', "SELECT id FROM odoo_events.outbox WHERE position > $before");
}

# A worker that is not armed says so once; $what is in its message.
sub falls_silent
{
	my ($server, $what, $act) = @_;
	my $from = -s $server->logfile;
	$act->();
	$node->safe_psql('plant', q{SELECT odoo_events._wake('config')}) if $server == $node;
	ok($server->wait_for_log(qr/does not deliver from database "plant": .*$what/, $from), "$what: the worker stops");
	return;
}
sub arrived { my ($id) = @_; return scalar(grep { $_->{id} eq $id } $receiver->events('/wms')) }

my $id = publish_one($node);
ok($node->poll_query_until('plant', $done), 'armed, it sends');
is(arrived($id), 1, 'the event is there');
my $parameter = q{UPDATE ir_config_parameter SET value = '%s' WHERE key = 'database.uuid'};
my $uuid = $node->safe_psql('plant', q{SELECT value FROM ir_config_parameter WHERE key = 'database.uuid'});
my @silent;

falls_silent($node, 'database.uuid differs', sub { $node->safe_psql('plant', sprintf $parameter, 'ffffffff-0000-0000-0000-000000000000') });
push @silent, publish_one($node);
$node->safe_psql('plant', sprintf $parameter, $uuid);
$node->safe_psql('plant', 'SELECT odoo_events.arm()');
ok($node->poll_query_until('plant', $done), 'armed again, it sends what waited');

falls_silent($node, 'neutralized', sub { $node->safe_psql('plant', q{INSERT INTO ir_config_parameter (key, value) VALUES ('database.is_neutralized', 'True')}) });
push @silent, publish_one($node);
my ($ret, $out, $err) = $node->psql('plant', 'SELECT odoo_events.arm()');
like($err, qr/is neutralized/, 'arm() refuses');
is(arrived($silent[1]), 0, 'nothing is sent');
$node->safe_psql('plant', q{DELETE FROM ir_config_parameter WHERE key = 'database.is_neutralized'; SELECT odoo_events.arm()});
ok($node->poll_query_until('plant', $done), 'armed again, it sends what waited');

falls_silent($node, 'disarmed', sub { $node->safe_psql('plant', 'SELECT odoo_events.disarm()') });
push @silent, publish_one($node);
is(arrived($silent[2]), 0, 'nothing is sent');
$node->restart;
ok($node->poll_query_until('plant', 'SELECT pid IS NOT NULL FROM odoo_events.worker_status'), 'after a restart');
push @silent, publish_one($node);
is(arrived($silent[3]), 0, 'neither');
$node->safe_psql('plant', 'SELECT odoo_events.arm()');
ok($node->poll_query_until('plant', $done), 'armed again, it sends what waited');
is(join(',', map { arrived($_) } @silent), '1,1,1,1', 'each once');

is_deeply([ $receiver->problems('/wms') ], [], 'in order, nothing twice with other bytes');
$node->stop;
done_testing();

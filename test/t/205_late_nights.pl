# once: promises and diagnose() do not depend on the version
# Two nights of an operator for which the clock has to move: an order that is never ready because a component is short, and a shipment that is confirmed
# 45 minutes after its promise.  Odoo's own rows change, a real receiver is told, and one call of diagnose() answers.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Spec;
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir);
chmod 0755, $dir;
system_or_bail('cc', '-shared', '-fPIC', '-o', "$dir/clock.so", "$FindBin::RealBin/../lib/clock.c", '-ldl');

# Sets the server's clock, in minutes from now.
sub minutes
{
	my ($minutes) = @_;
	open my $fh, -e "$dir/clock" ? '+<' : '>', "$dir/clock" or die "$dir/clock: $!";
	syswrite $fh, pack('q', $minutes * 60) or die $!;
	close $fh;
	return;
}
minutes(0);
# the receiver's clock moves, too, since it judges the signatures' times
my ($node, $receiver);
{
	local $ENV{LD_PRELOAD} = "$dir/clock.so";
	local $ENV{OE_CLOCK} = "$dir/clock";
	$node = OdooEvents->node('latenights');
	$receiver = OdooEvents->receiver;
}
my $db = 'plant';
OdooEvents->load($node, $db, 'odoo19');
sub sql { my ($sql) = @_; return $node->safe_psql($db, $sql) }
sql('SELECT odoo_events.attach()');
OdooEvents->replay($node, $db, 'odoo19-sales');
my ($order, $order_name, $shipment, $shipment_name) = split /\|/, sql(q{SELECT s.id, s.name, p.id, p.name FROM sale_order s JOIN stock_picking p ON p.sale_id = s.id JOIN stock_picking_type t ON t.id = p.picking_type_id
  WHERE t.code = 'outgoing' AND p.state = 'done' AND s.state = 'sale' ORDER BY s.id LIMIT 1});
my ($made, $made_name) = split /\|/, sql(q{INSERT INTO mrp_production (id, product_id, product_uom_id, picking_type_id, location_src_id, location_dest_id, company_id, name, state, reservation_state, consumption, product_qty, date_start)
  SELECT 4711, p.id, t.uom_id, y.id, l.id, l.id, 1, 'WH/MO/04711', 'draft', NULL, 'flexible', 5, now() FROM product_product p JOIN product_template t ON t.id = p.product_tmpl_id, stock_picking_type y, stock_location l
   WHERE l.usage = 'internal' ORDER BY p.id, y.id, l.id LIMIT 1 RETURNING id, name});
# the day begins: neither is confirmed yet
sql(qq{BEGIN; SELECT odoo_events.quiet('the day begins'); UPDATE sale_order SET state = 'draft' WHERE id = $order; UPDATE stock_picking SET state = 'assigned', date_done = NULL WHERE id = $shipment; COMMIT});
sql(q{SELECT odoo_events.define_sla('order-to-ship', '{odoo.sales.sales_order.confirmed.v1}', '{odoo.logistics.shipment.dispatched.v1}', within => '3 hours', owner => 'Dock 1', contact => 'dock@example.com', runbook => 'https://wiki.example.com/late');
  SELECT odoo_events.define_sla('order-to-ready', '{odoo.manufacturing.manufacturing_order.confirmed.v1}', '{odoo.manufacturing.manufacturing_order.components_available.v1}', within => '2 hours', owner => 'Planner', contact => 'plan@example.com')});
$receiver->subscribe($node, $db, 'desk', '/desk', q{types => '{odoo.process.promise.*}'});
$receiver->subscribe($node, $db, 'wms', '/wms', q{types => '{odoo.logistics.*}'});

# The promise of this kind that the desk was told of.
sub told
{
	my ($kind, $sla) = @_;
	my $found;
	$receiver->wait_for(sub { ($found) = grep { $_->{type} eq "odoo.process.promise.$kind.v1" && $_->{data}{promise}{sla} eq $sla } $receiver->events('/desk'); $found }, "$kind of $sla");
	return $found->{data}{promise} // {};
}

# The first row of diagnose().
sub diagnose { my ($what) = @_; my $row = sql(qq{SELECT row_to_json(d) FROM odoo_events.diagnose('$what') d LIMIT 1}); return $row eq '' ? {} : JSON::PP::decode_json($row) }
sub executes { my ($row) = @_; my ($status, $out, $err) = $node->psql($db, $row->{next}, on_error_stop => 1); is($status, 0, "executed: $row->{next}") or diag $err; return $out }

sql(qq{UPDATE sale_order SET state = 'sale' WHERE id = $order; UPDATE mrp_production SET state = 'confirmed', reservation_state = 'assigned' WHERE id = $made});
ok($node->poll_query_until($db, q{SELECT count(*) = 2 FROM odoo_events.promise WHERE state = 'open'}), 'both orders are promised');

subtest '(c) an order is confirmed and never ready, because a component is short' => sub {
	minutes(30);
	sql(qq{UPDATE mrp_production SET reservation_state = 'confirmed' WHERE id = $made});
	ok($node->poll_query_until($db, q{SELECT EXISTS (SELECT FROM odoo_events.outbox WHERE type LIKE '%components_short%')}), 'somebody takes a component');
	# nothing happens any more, and the time goes by
	minutes(121);
	my $promise = told('breached', 'order-to-ready');
	like($promise->{waits_for}, qr/^odoo\.manufacturing\.manufacturing_order\.components_available\.v1; last: odoo\.manufacturing\.manufacturing_order\.components_short\.v1 of manufacturing_order $made at/, 'the breach is told, and what it waits for');
	foreach my $what ($made_name, "manufacturing_order:$made")
	{
		my $row = diagnose($what);
		is("$row->{verdict} $row->{layer} $row->{owner} $row->{contact}", 'late odoo Planner plan@example.com', "$what: late, by Odoo, and whose it is");
		like($row->{finding}, qr/^manufacturing_order:$made: promise order-to-ready is breached, it was due at .*, 00:0\d:\d\d ago; waits for .*components_available\.v1; last: .*components_short\.v1/, 'the finding says that a component is short');
		ok($row->{since} && $row->{due_at}, 'since when, and when it was due');
		like(executes($row), qr/components_short/, 'what comes next shows the way');
	}
	my ($open) = grep { $_->{finding} =~ /order-to-ready/ } map { JSON::PP::decode_json($_) } split /\n/, sql('SELECT row_to_json(d) FROM odoo_events.diagnose() d');
	is($open->{verdict}, 'late', 'it is among what is open');
	sql(qq{UPDATE mrp_production SET reservation_state = 'assigned' WHERE id = $made});
	ok(told('met_late', 'order-to-ready')->{overdue_seconds} >= 60, 'when the component has come the desk is told, too');
};

subtest '(i) a shipment is confirmed 45 minutes after its promise' => sub {
	minutes(181);
	ok(told('breached', 'order-to-ship')->{due_at}, 'the breach is told when it is due');
	is(diagnose($order_name)->{verdict}, 'late', 'the order is late before anything is shipped');
	minutes(225);
	sql(qq{UPDATE stock_picking SET state = 'done', date_done = now() WHERE id = $shipment});
	my $promise = told('met_late', 'order-to-ship');
	my $late = $promise->{overdue_seconds};
	ok($late >= 2640 && $late < 3300, "it is told to be 45 minutes late: $late s");
	ok(OdooEvents::delivered($node, $db, 'wms'), 'the shipment itself is delivered in time');
	foreach my $what ($shipment_name, $order_name)
	{
		my $row = diagnose($what);
		is("$row->{verdict} $row->{layer} $row->{owner} $row->{contact}", 'late odoo Dock 1 dock@example.com', "$what: late, by Odoo and not by delivery, and whose it is");
		like($row->{finding}, qr/^sales_order:$order: promise order-to-ship is met late, it was due at .* and was kept 00:[45]\d:\d\d late/, 'the finding says how late');
		is($row->{evidence}{runbook}, 'https://wiki.example.com/late', 'with its runbook');
		like(executes($row), qr/sales_order/, 'what comes next shows the way');
	}
	is(sql(q{SELECT state FROM odoo_events.promise WHERE sla = 'order-to-ship' AND document = 'sales_order:} . $order . q{'}), 'met_late', 'and the promise says so');
};
is_deeply([ $receiver->problems ], [], 'signed, in order, same bytes');
$node->stop;
done_testing();

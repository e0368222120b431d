# On a logical subscriber what replication applies is captured if that is wanted; else health() says that it is not.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use Test::More;

my $node = OdooEvents->node('both', "max_wal_senders = 4\nmax_replication_slots = 4\n");
OdooEvents->load($node, $_, 'odoo19') for 'primary', 'replica';
$node->safe_psql('replica', 'SELECT odoo_events.attach()');

$node->safe_psql('primary', 'CREATE PUBLICATION p FOR TABLE stock_picking, stock_move');
$node->safe_psql('primary', q{SELECT pg_create_logical_replication_slot('s', 'pgoutput')});
(my $primary = $node->connstr('primary')) =~ s/'/''/g;
$node->safe_psql('replica', "CREATE SUBSCRIPTION s CONNECTION '$primary'" . q{ PUBLICATION p WITH (create_slot = false, slot_name = 's', copy_data = false)});

my $change = q{UPDATE stock_move SET product_uom_qty = product_uom_qty + 1 WHERE id = (SELECT min(id) FROM stock_move)};

sub replicate
{
	$node->safe_psql('primary', $change);
	my $want = $node->safe_psql('primary', 'SELECT product_uom_qty FROM stock_move ORDER BY id LIMIT 1');
	$node->poll_query_until('replica', "SELECT product_uom_qty = $want FROM stock_move ORDER BY id LIMIT 1") or die 'not replicated';
}

sub captured
{
	return $node->safe_psql('replica', q{SELECT COALESCE(sum(captured), 0) FROM odoo_events._rule_stats() WHERE rule = 'stock_move'});
}

my $warning = q{SELECT detail FROM odoo_events.health() WHERE "check" = 'capture' AND detail LIKE 'the logical replication%'};

subtest 'health() says that replicated changes are not captured' => sub {
	replicate();
	is(captured(), 0, 'nothing is captured');
	like($node->safe_psql('replica', $warning), qr/subscription s changes public\.stock_move, public\.stock_picking/, 'and that is told');
};

subtest 'what the hint says captures them' => sub {
	$node->safe_psql('replica', $node->safe_psql('replica', q{SELECT hint FROM odoo_events.health() WHERE "check" = 'capture' AND detail LIKE 'the logical replication%'}));
	is($node->safe_psql('replica', $warning), '', 'the warning is gone');
	replicate();
	is(captured(), 1, 'the next change is captured');
	$node->safe_psql('replica', 'SELECT odoo_events.attach()');
	replicate();
	is(captured(), 2, 'also after attach() was repeated');
};

$node->safe_psql('replica', 'ALTER SUBSCRIPTION s DISABLE');
$node->safe_psql('replica', $_) for 'ALTER SUBSCRIPTION s SET (slot_name = NONE)', 'DROP SUBSCRIPTION s';
$node->stop;
done_testing();

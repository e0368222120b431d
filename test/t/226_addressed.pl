# A new subscription is filled with snapshots, and the old one beside it is not flooded: by delivery, replay and fetch, in batches too.
# once: delivery, not PostgreSQL
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use Test::More;

my $node = OdooEvents->node('addressed', "odoo_events.restart_delay = '200ms'\n");
OdooEvents->load($node, 'plant', 'odoo19');
$node->safe_psql('plant', q{SELECT odoo_events.attach('{product}')});
my $receiver = OdooEvents->receiver;
sub sql { return $node->safe_psql('plant', $_[0]) }
sub awaits { my ($query, $what) = @_; return ok($node->poll_query_until('plant', $query), $what) }
sub snapshots { my ($path) = @_; return scalar grep { $_->{type} =~ /[.]snapshot[.]v1$/ } $receiver->events($path) }
sub backfill
{
	my ($more) = @_;
	my $job = sql("SELECT odoo_events.backfill('product', 'id IN (SELECT id FROM public.product_product ORDER BY id LIMIT 5)'$more)");
	return awaits("SELECT state = 'done' AND rows = 5 FROM odoo_events.backfill_status WHERE id = $job", "a backfill of five$more");
}

$receiver->subscribe($node, 'plant', $_, "/$_", q{types => '{odoo.*}'}) foreach 'old', 'other';
$receiver->subscribe($node, 'plant', 'new', '/new', q{types => '{odoo.*}', format => 'batch', batch_size => 3, clearance => '{public,internal,confidential,personal}'});
sql(q{SELECT odoo_events.subscribe('pull', NULL, types => '{odoo.*}'); SELECT odoo_events.subscribe('pulled', NULL, types => '{odoo.*}')});

backfill(q{, subscriptions => '{new,pulled}'});
ok(OdooEvents::Receiver::wait_until(sub { snapshots('/new') == 5 }, 'all five'), 'all five arrive');
awaits(q{SELECT count(*) = 3 FROM odoo_events.subscription_status WHERE name IN ('old', 'new', 'other') AND lag_events = 0}, 'all have come by them');
is(snapshots('/old') + snapshots('/other'), 0, 'and at no other subscription');
is(sql(q{SELECT count(*) FROM odoo_events.fetch('pull') WHERE event ->> 'type' ~ 'snapshot'}), '0', 'fetch() answers them to no other');
is(sql(q{SELECT count(*) FROM odoo_events.fetch('pulled') WHERE event ->> 'type' ~ 'snapshot'}), '5', 'but to whom they are for');
is(sql(q{SELECT odoo_events.replay('old', types => '{odoo.*.snapshot.v1}', from_position => 0, dry_run => true) || ' ' || odoo_events.replay('new', types => '{odoo.*.snapshot.v1}', from_position => 0, dry_run => true)}), '0 5', 'nor does a replay');
like(sql(q{SELECT string_agg(DISTINCT subscription || ': ' || step || ' ' || coalesce(detail, ''), E'\n') FROM odoo_events.trace(event_id => (SELECT id FROM odoo_events.outbox WHERE type ~ 'snapshot' LIMIT 1)) WHERE subscription IN ('old', 'new') AND step !~ 'attempt'}),
	qr/^(?=.*new: acknowledged)(?=.*old: passed over it is a snapshot for other subscriptions)/s, 'trace() says why');
is(sql(q{SELECT subscriptions FROM odoo_events.backfill_status}), '{new,pulled}', 'the job names them');

backfill('');
ok(OdooEvents::Receiver::wait_until(sub { snapshots('/old') == 5 && snapshots('/other') == 5 && snapshots('/new') == 10 }, 'without names all get them'), 'without names all get them');
is_deeply([ $receiver->problems ], [], 'signed, in order');
like(($node->psql('plant', q{SELECT odoo_events.backfill('product', subscriptions => '{nobody}')}))[2], qr/argument "subscriptions" names no subscription: nobody/, 'an unknown one is refused');

$node->stop;
done_testing();

# once: nothing here depends on PostgreSQL's version
# Endpoints that hold every request take no more than their share of the requests.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooDispatch;
use OdooEvents;
use Test::More;

my ($node, $receiver) = OdooDispatch::start('shares');
my $db = 'plant';

subtest 'ten healthy endpoints get everything while three others hold all their requests' => sub {
	$node->safe_psql('postgres', q{ALTER SYSTEM SET odoo_events.max_in_flight = 40});
	$node->reload;
	subscribe("bad$_", q{max_in_flight => 256, timeout => '10min', ordering => 'none'}) foreach 1 .. 3;
	$receiver->misbehave({ path => '^/bad', hold => JSON::PP::true });
	subscribe("good$_", q{priority => 9}) foreach 1 .. 10;
	$node->safe_psql($db, 'SELECT make(100, 100)');
	ok(delivered("good$_"), "good$_ has everything") foreach 1 .. 10;
	is($node->safe_psql($db, q{SELECT sum(delivered_total) FROM odoo_events.subscription_status WHERE name LIKE 'bad%'}), '0', 'while nothing moves beside them');
	ok($node->poll_query_until($db, q{SELECT sum(in_flight) BETWEEN 25 AND 30 FROM odoo_events.subscription_status WHERE name LIKE 'bad%'}), 'which have all but the reserve');
	$node->safe_psql($db, 'SELECT make(100, 100)');
	ok(delivered("good$_"), "good$_ has everything again") foreach 1 .. 10;
	$receiver->misbehave();
	ok(delivered("bad$_"), "bad$_ too, once it is well") foreach 1 .. 3;
	done_with();
};

OdooDispatch::finish();
done_testing();

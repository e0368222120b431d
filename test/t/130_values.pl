# once: what a worker delivers of a value does not depend on PostgreSQL's version
# Values as the worker delivers them: company-dependent fields by company, names by language.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('values', "odoo_events.restart_delay = '100ms'\n");
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
sub sql { return $node->safe_psql($db, $_[0]) }
sub odoo { return $node->safe_psql($db, $_[0], extra_params => [ '-U', 'odoo' ]) }
odoo(<<'SQL');
CREATE TABLE ir_module_module (id int PRIMARY KEY);
CREATE TABLE product_template (id int PRIMARY KEY, name jsonb, list_price numeric, company_id int);
CREATE TABLE product_product (id int PRIMARY KEY, product_tmpl_id int, default_code text, standard_price jsonb, active boolean);
INSERT INTO product_template VALUES (1, '{"en_US": "Table"}', 10, NULL);
INSERT INTO product_product VALUES (1, 1, 'T', NULL, true);
SQL
sql(q{CREATE EXTENSION odoo_events; SELECT odoo_events.enable_event('odoo.master_data.product.changed.v1'); SELECT count(*) FROM odoo_events.attach()});
my $receiver = OdooEvents->receiver;
my $cleared = q{types => '{odoo.master_data.*}', clearance => '{public,internal,confidential}'};
$receiver->subscribe($node, $db, 'one', '/one', "$cleared, companies => '{1}'");
$receiver->subscribe($node, $db, 'two', '/two', "$cleared, companies => '{2}', format => 'binary'");
$receiver->subscribe($node, $db, 'dear', '/dear', qq{$cleared, companies => '{1}', filter => '\$.data.product.standard_price."2" > 1'});
$receiver->subscribe($node, $db, 'all', '/all', "$cleared, format => 'standard'");
sub settled { ok(OdooEvents::delivered($node, $db, $_), "$_ is at the end") foreach qw(one two dear all) }

subtest 'a shared product tells each company its own cost' => sub {
	odoo(q{UPDATE product_product SET standard_price = '{"1": 20.0, "2": 7.5}'});
	odoo(q{UPDATE product_product SET standard_price = '{"1": 20.0, "2": 8.5}'});
	settled();
	my %cost = map { my $path = $_; ($path => join ' ', map { join ',', %{ $_->{data}{product}{standard_price} } } $receiver->events("/$path")) } qw(one two dear);
	is($cost{one}, '1,20', 'company 1 gets its cost, and no event of the change of the other');
	is($cost{two}, '2,7.5 2,8.5', 'company 2 gets both of its');
	is($cost{dear}, '', 'a filter sees no other company');
	is(scalar(() = $receiver->events('/all')), 2, 'a subscription without companies gets both events');
	is_deeply([ map { $_->{data}{changes}[0]{fields} } $receiver->events('/one') ], [ { standard_price => [ undef, { 1 => 20.0 } ] } ], 'so it is in changes');
};

subtest 'the name is the first that is not empty' => sub {
	my %shown = (en_US => 'Tisch', fr_BE => 'Plateau', de_AT => 'Tisch');
	odoo(q{UPDATE product_template SET name = '{"en_US": "", "de_DE": "Tisch", "fr_FR": "Plateau"}'});
	foreach my $language (sort keys %shown)
	{
		$node->append_conf('postgresql.conf', "odoo_events.language = '$language'\n");
		$node->reload;
		ok($node->poll_query_until('postgres', "SELECT current_setting('odoo_events.language') = '$language'"), "the language is $language");
		my $before = () = $receiver->events('/all');
		# the worker takes the setting at its own pace
		$receiver->wait_for(sub {
			odoo('UPDATE product_template SET list_price = list_price + 1');
			settled();
			return ($receiver->events('/all'))[-1]{data}{product}{name} eq $shown{$language}; }, "in $language it is $shown{$language}");
	}
};
is_deeply([ $receiver->problems ], [], 'signed, in order, same bytes');
is(sql('SELECT count(*) FROM odoo_events.quarantine'), '0', 'nothing is in quarantine');
$node->stop;
done_testing();

# once: proposals are rows; nothing of it depends on PostgreSQL's version
# What one person may not do alone: proposed, approved by another, executed as proposed; who is the same person; what has changed meanwhile.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('eyes', "odoo_events.databases = 'none-such'\nodoo_events.four_eyes = 'subscribe, alter_subscription, discard, config_apply, set_secret'\n");
OdooEvents->load($node, 'plant', 'odoo19');
sub sql { return $node->safe_psql('plant', $_[0]) }
sub as
{
	my ($role, $q) = @_;
	my ($ret, $out, $err) = $node->psql('plant', "\\set VERBOSITY verbose\n$q", connstr => $node->connstr('plant') . " user=$role");
	return wantarray ? ($out, $err) : $out;
}
sql(q{CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE eve LOGIN; CREATE ROLE admins; GRANT admins TO ann, bob; GRANT ann TO eve;
	GRANT USAGE ON SCHEMA odoo_events TO admins, eve; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA odoo_events TO admins, eve; GRANT SELECT ON odoo_events.proposal, odoo_events.subscription, odoo_events.config_revision TO admins, eve});
my $open = q{SELECT max(id) FROM odoo_events.proposal WHERE state = 'open'};

subtest 'another person approves' => sub {
	my ($out, $err) = as('ann', q{SELECT odoo_events.subscribe('wms', 'https://203.0.113.7/x', headers => '{"X-Key": "t0psecret"}') IS NULL});
	is($out, 't', 'the call answers null');
	like($err, qr/NOTICE.*proposal 1 waits.*HINT:\s+SELECT odoo_events.approve\(1\)/s, 'and says what waits');
	is(sql('SELECT count(*) FROM odoo_events.subscription'), '0', 'nothing is done');
	like(sql('SELECT statement FROM odoo_events.proposal'), qr/subscribe\(name => 'wms'.*\*\*\*/, 'the statement is shown, without what is secret');
	unlike(sql(q{SELECT string_agg(p::text, '') FROM odoo_events.proposed p}) . sql(q{SELECT string_agg(a::text, '') FROM odoo_events.audit a}), qr/t0psecret/, 'which stands in no readable place');
	(undef, $err) = as('ann', 'SELECT odoo_events.approve(1)');
	like($err, qr/42501.*another person than ann/s, 'not by herself');
	(undef, $err) = as('ann', 'SET ROLE admins; SELECT odoo_events.approve(1)');
	like($err, qr/42501/, 'nor under another role');
	(undef, $err) = as('eve', 'SELECT odoo_events.approve(1)');
	like($err, qr/42501.*member/s, 'nor by who can become her');
	($out, $err) = as('bob', q{SELECT odoo_events.approve(1, 'looked at it') IS NULL});
	is($out, 't', 'bob approves, and sees no secret') or diag $err;
	is(sql(q{SELECT name, header_names FROM odoo_events.subscription}), 'wms|{X-Key}', 'it is done as proposed');
	is(sql(q{SELECT header_values FROM odoo_events.subscription_secret WHERE subscription_id = 1}), '{t0psecret}', 'with its credentials');
	is(sql('SELECT count(*) FROM odoo_events.subscription_secret WHERE subscription_id < 0'), '0', 'of which no copy is left');
	like(as('ann', q{SELECT odoo_events.set_secret('wms')}), qr/^whsec_/, 'ann collects the secret');
	is(scalar(as('ann', q{SELECT odoo_events.set_secret('wms') IS NULL})), 't', 'once');
	is(sql(q{SELECT string_agg(what, ',' ORDER BY id) FROM odoo_events.audit WHERE what IN ('propose', 'approve', 'subscribe')}), 'propose,subscribe,approve,propose', 'the audit says who did what');
};

subtest 'reject' => sub {
	my $id = sql($open);
	is((as('bob', "SELECT odoo_events.reject($id, 'no')"))[1], '', 'another may reject');
	like((as('bob', "SELECT odoo_events.approve($id)"))[1], qr/55000.*is rejected by bob/s, 'which is final');
};

subtest 'what has changed meanwhile' => sub {
	as('ann', q{SELECT odoo_events.alter_subscription('wms', timeout => '9s')});
	my $id = sql($open);
	sql(q{SELECT odoo_events.set_care(subscriptions => '{wms}', owner => 'x')});
	like((as('bob', "SELECT odoo_events.approve($id)"))[1], qr/40001.*no longer the one/s, 'another configuration refuses it');
	as('ann', q{SELECT odoo_events.alter_subscription('wms', timeout => '9s')});
	$id = sql($open);
	sql(q{REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA odoo_events FROM admins; GRANT EXECUTE ON FUNCTION odoo_events.approve, odoo_events.reject TO admins});
	like((as('bob', "SELECT odoo_events.approve($id)"))[1], qr/42501.*may no longer do/s, 'so do rights that were taken away');
	sql('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA odoo_events TO admins');
	sql(q{SELECT odoo_events.set_policy('ann', companies => '{7}')});
	like((as('bob', "SELECT odoo_events.approve($id)"))[1], qr/40001|42501/, "and the proposer's policy");
	sql(q{SELECT odoo_events.drop_policy('ann')});
	is((as('bob', "SELECT odoo_events.approve($id)"))[1], '', 'else it is done');
	is(sql('SELECT timeout FROM odoo_events.subscription'), '00:00:09', 'as proposed');
};

subtest 'one person may go back at night' => sub {
	my $good = sql('SELECT max(revision) FROM odoo_events.config_revision');
	is(sql('SELECT approved_by FROM odoo_events.config_revision ORDER BY revision DESC LIMIT 1'), 'bob', 'the revision says who approved it');
	sql(q{SELECT odoo_events.alter_subscription('wms', warehouses => '{1}')});
	my ($out, $err) = as('ann', "SELECT path, next FROM odoo_events.config_rollback($good, dry_run => false)");
	like($out, qr/warehouses/, 'to a revision that was approved lately') or diag $err;
	is(sql('SELECT warehouses IS NULL FROM odoo_events.subscription'), 't', 'alone');
	is(sql(q{SELECT odoo_events.publish() > 0}), 't', 'which is told');
	is(sql(q{SELECT count(*) FROM odoo_events.outbox WHERE type = 'odoo.platform.configuration.rolled_back.v1'}), '1', 'by an event');
	($out, $err) = as('ann', "SELECT path FROM odoo_events.config_rollback(2, dry_run => false)");
	like($err, qr/NOTICE.*waits for another person/s, 'any other needs a second person');
};
is(sql(q{SELECT odoo_events.alter_subscription('wms', timeout => '3s'); SELECT timeout FROM odoo_events.subscription}), "\n00:00:03", 'superusers pass');
my ($ret, $out, $err) = $node->psql('plant', q{ALTER SYSTEM SET odoo_events.four_eyes = 'version'});
like($err, qr/invalid value/, 'the setting names functions that can be proposed');
$node->stop;
done_testing();

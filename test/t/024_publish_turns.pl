# A large transaction is published in turns: while it is being made, delivery goes on; its events come into the outbox at once or, where the
# worker is broken off, from the beginning, once; above a limit of rows or bytes, in slices.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('turns', "odoo_events.restart_delay = '100ms'\n");
my $receiver = OdooEvents->receiver;
my $faults = $node->data_dir . '/oe_faults';
mkdir $faults;
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
$node->safe_psql($db, q{
  CREATE TABLE ir_module_module (id int PRIMARY KEY);
  ALTER TABLE ir_module_module OWNER TO odoo;
  CREATE TABLE stock_picking (id int PRIMARY KEY, name text, state text, origin text, company_id int);
  CREATE TABLE stock_move (id int PRIMARY KEY, picking_id int, state text, product_uom_qty numeric);
  ALTER TABLE stock_picking OWNER TO odoo;
  ALTER TABLE stock_move OWNER TO odoo;
  CREATE EXTENSION odoo_events});
$node->safe_psql($db, q{SELECT count(*) FROM odoo_events.attach()});
$receiver->subscribe($node, $db, 'few', '/few', q{types => '{acme.test.*}', ordering => 'strict', timeout => '10min'});

sub tune
{
	my ($name, $value) = @_;
	append_to_file("$faults/.$name", $value);
	chmod 0644, "$faults/.$name";
	rename "$faults/.$name", "$faults/$name";
	return;
}
sub gone { my ($name) = @_; return OdooEvents::Receiver::wait_until(sub { !-e "$faults/$name" }, "$name was passed") }
sub outbox { my ($where) = @_; return $node->safe_psql($db, "SELECT count(*), count(DISTINCT id) FROM odoo_events.outbox WHERE $where") }
sub pid { return $node->safe_psql($db, 'SELECT pid FROM odoo_events.worker_status') }

# what the endpoint has still to get, one after the other: the first request is held
$receiver->misbehave({ path => '/few', hold => JSON::PP::true });
$node->safe_psql($db, q{SELECT count(odoo_events.emit('acme.test.few.happened.v1', 'few/' || i, '{}')) FROM generate_series(1, 20) i});
$node->poll_query_until($db, q{SELECT in_flight = 1 AND (SELECT count(*) = 20 FROM odoo_events.outbox) FROM odoo_events.subscription_status WHERE name = 'few'}) or die;

# each turn is one slice; after the first the making stands
sub stands
{
	tune('turn-ms', 0);
	tune('make-stands', 1);
	tune('publish-read', 'wait');
	return;
}
stands();
$node->safe_psql($db, q{INSERT INTO stock_picking SELECT i, 'T/' || i, 'confirmed', 'S' || i, 1 FROM generate_series(1, 10000) i});
gone('publish-read');
# what is committed while it is on its way is not forgotten when it is done
$node->safe_psql($db, q{SELECT odoo_events.emit('acme.test.late.happened.v1', 'late/' || i, '{}') FROM generate_series(1, 2) i});
unlink "$faults/publish-read.held" or die $!;
$receiver->misbehave();
$receiver->wait_for(sub { 20 == grep { $_->{status} == 204 } @_ }, 'twenty requests, one after the other, while the large transaction is being published', '/few');
is(outbox('position > 20'), '0|0', 'nothing of it is in the outbox');
unlink "$faults/make-stands", "$faults/turn-ms";
ok($node->poll_query_until($db, q{SELECT count(*) = 2 FROM odoo_events.outbox WHERE subject LIKE 'late/%'}), 'then it is, and what came meanwhile');
is(outbox(q{entity = 'transfer'}), '10000|10000', 'each once');

# broken off in the middle it is begun again
stands();
$node->safe_psql($db, q{INSERT INTO stock_picking SELECT i, 'T/' || i, 'confirmed', 'S' || i, 1 FROM generate_series(10001, 20000) i});
gone('publish-read');
unlink "$faults/publish-read.held" or die $!;
my $before = pid();
kill 'TERM', $before;
$node->poll_query_until($db, "SELECT pid <> $before FROM odoo_events.worker_status WHERE pid IS NOT NULL") or die 'no new worker';
is(outbox('record_id > 10000'), '0|0', 'nothing, after the worker has left');
unlink "$faults/make-stands", "$faults/turn-ms";
my %seen;
OdooEvents::Receiver::wait_until(sub { my $n = outbox('record_id > 10000'); $seen{$n} = 1; $n ne '0|0' }, 'its events are there')
  or diag $node->safe_psql($db, q{SELECT s, (SELECT count(*) || min(reason) FROM odoo_events.quarantine) FROM odoo_events.worker_status s});
is(join(' ', sort keys %seen), '0|0 10000|10000', 'all at once, each once');
is($node->safe_psql($db, q{SELECT count(DISTINCT odootx), bool_and(position = 10022 + n) FROM (SELECT *, row_number() OVER (ORDER BY (split_part(partitionkey, ':', 2)::int)) AS n
  FROM odoo_events.outbox WHERE record_id > 10000) x}), '1|t', 'one transaction, in the order of its keys');

# while it is written, in one transaction, delivery goes on too
$receiver->misbehave({ path => '/few', hold => JSON::PP::true });
$node->safe_psql($db, q{SELECT count(odoo_events.emit('acme.test.few.written.v1', 'written/' || i, '{}')) FROM generate_series(1, 20) i});
$node->poll_query_until($db, q{SELECT in_flight = 1 AND (SELECT count(*) = 20 FROM odoo_events.outbox WHERE subject LIKE 'written/%') FROM odoo_events.subscription_status WHERE name = 'few'}) or die;
tune('write-stands', 1);
sub written { return scalar grep { $_->{status} == 204 && $_->{body} =~ m{written/} } $receiver->ledger('/few') }
$node->safe_psql($db, q{UPDATE stock_picking SET state = 'cancel' WHERE id BETWEEN 3001 AND 8000});
$node->poll_query_until($db, q{SELECT count(*) > 0 FROM pg_locks WHERE pid = (SELECT pid FROM odoo_events.worker_status) AND relation::regclass::text ~ 'odoo_events.outbox_[0-7]$' AND mode = 'RowExclusiveLock'}) or die;
my $requests = written();
$receiver->misbehave();
OdooEvents::Receiver::wait_until(sub { written() >= $requests + 20 }, 'twenty requests, one after the other, while the outbox is being written');
is(outbox(q{type LIKE '%.cancelled.v1'}), '0|0', 'nothing of it is to be seen');
# broken off there it is begun again
$before = pid();
kill 'TERM', $before;
unlink "$faults/write-stands";
$node->poll_query_until($db, q{SELECT count(*) = 5000 FROM odoo_events.outbox WHERE type LIKE '%.cancelled.v1'}) or die;
is($node->safe_psql($db, q{SELECT count(*) = max(position), count(DISTINCT id) = count(*) FROM odoo_events.outbox}), 't|t', 'once, and without a gap in the positions');

# what cannot be published is narrowed down to its documents: here, all of them
$node->safe_psql($db, q{REVOKE ALL ON stock_move FROM odoo; UPDATE stock_picking SET state = 'assigned' WHERE id <= 100});
$node->poll_query_until($db, q{SELECT count(*) = 100 FROM odoo_events.quarantine WHERE reason LIKE '42501%'}) or die;
$node->safe_psql($db, q{GRANT ALL ON stock_move TO odoo; SELECT odoo_events.requeue()});
$node->poll_query_until($db, q{SELECT count(*) = 100 FROM odoo_events.outbox WHERE type LIKE '%.ready.v1'}) or die;

# slices: by rows, by bytes
tune('slice-rows', 1000);
$node->safe_psql($db, q{UPDATE stock_picking SET state = 'done' WHERE id <= 2500});
$node->poll_query_until($db, q{SELECT count(*) = 2500 AND count(DISTINCT id) = 2500 FROM odoo_events.outbox WHERE type LIKE '%.completed.v1'}) or die;
is($node->safe_psql($db, q{SELECT count(DISTINCT recordedtime) FROM odoo_events.outbox WHERE type LIKE '%.completed.v1'}), 3, 'in three slices');
unlink "$faults/slice-rows";
tune('slice-bytes', 1_000_000);
$node->safe_psql($db, q{UPDATE stock_picking SET state = 'done', origin = repeat('x', 10000) WHERE id BETWEEN 2501 AND 2800});
$node->poll_query_until($db, q{SELECT count(*) = 2800 AND count(DISTINCT id) = 2800 FROM odoo_events.outbox WHERE type LIKE '%.completed.v1'}) or die;
cmp_ok($node->safe_psql($db, q{SELECT count(DISTINCT recordedtime) FROM odoo_events.outbox WHERE type LIKE '%.completed.v1'}), '>', 4, 'and by their bytes');

$node->stop;
done_testing();

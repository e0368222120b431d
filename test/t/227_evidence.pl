# once: hashes, signatures and proofs are those of OpenSSL and of plain SQL; contrib/evidence/verify.py judges them
# What was published can be proved by who has nothing of ours but a checkpoint: a program that shares no code with the extension verifies
# archives and checkpoints, and finds an event that a superuser changed, took out, or changed together with all hashes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('evidence', "odoo_events.restart_delay = '200ms'\nautovacuum = off\n");
my $db = 'plant';
OdooEvents->load($node, $db, 'odoo19');
sub sql { return $node->safe_psql($db, $_[0]) }
my $dir = PostgreSQL::Test::Utils::tempdir;

sub file
{
	my ($name, $text) = @_;
	open my $fh, '>', "$dir/$name" or die "$name: $!";
	print $fh $text;
	close $fh;
	return "$dir/$name";
}

# What the independent program says, and whether it found everything proved.
sub verify
{
	my @args = @_;
	my ($out, $err) = run_command([ 'python3', "$FindBin::RealBin/../../contrib/evidence/verify.py", @args ]);
	diag($err) if $err;
	return $out;
}

sub checkpoint { return sql('SELECT odoo_events.seal()') }
# all that is under a checkpoint
sub archive { return file($_[0], sql(q{SELECT row_to_json(a) FROM odoo_events.archive('-infinity') a WHERE proof IS NOT NULL}) . "\n") }
sub consistent { return verify('consistency', file('older', $_[0]), file('newer', $_[1]), file('proof', $_[2]), '--verifier', $_[3]) }

is(sql(q{SELECT count(*) FROM odoo_events.health() WHERE "check" = 'evidence'}) . sql('SELECT count(*) FROM odoo_events.checkpoint'), '00', 'without a call of seal() there is nothing');
my $receiver = OdooEvents->receiver;
my $name = 'Zacharias Quittenbaum';
my $partner = sql('SELECT max(id) FROM res_partner');
sql(qq{UPDATE res_partner SET name = '$name' WHERE id = $partner; SELECT odoo_events.enable_event('odoo.master_data.partner.changed.v1'); SELECT odoo_events.attach()});
OdooEvents->replay($node, $db, 'odoo19-sales');
sql(qq{UPDATE res_partner SET city = 'Quittenhausen' WHERE id = $partner});
$node->poll_query_until($db, qq{SELECT EXISTS (SELECT 1 FROM odoo_events.outbox_all WHERE event LIKE '%$name%')}) or die 'no event of the partner';

my ($ret, $out, $err) = $node->psql($db, 'BEGIN; SELECT odoo_events.seal();');
like($err, qr/cannot run inside a transaction block/, 'nobody signs what can be rolled back');
like(sql(q{SELECT string_agg(status || detail, ' ') FROM odoo_events.health() WHERE "check" = 'evidence'}) // '', qr/^$/, 'nor does that open the log');
my $first = checkpoint();
my $verifier = sql('SELECT DISTINCT verifier FROM odoo_events.checkpoint');
like(sql(q{SELECT string_agg(status || ' ' || detail, ' ') FROM odoo_events.health() WHERE "check" = 'evidence'}), qr/^warn no subscription gets/, 'health() says that nobody outside gets checkpoints');
$receiver->subscribe($node, $db, 'witness', '/witness', q{types => '{odoo.platform.seal.*}', start_from => 'earliest'});
like(sql(q{SELECT string_agg(status || ' ' || detail, ' ') FROM odoo_events.health() WHERE "check" = 'evidence'}), qr/^ok/, 'until somebody does');

subtest 'an archive is proved by a checkpoint' => sub {
	like(verify('archive', archive('all'), '--verifier', $verifier, '--checkpoint', file('held', $first)), qr/^\d\d+ events, 0 of them erased, 0 not proved$/, 'all of it');
	like(verify('archive', archive('all'), '--verifier', $verifier, '--checkpoint', file('other', $first =~ s/\n\d+\n/\n7\n/r)), qr/not proved by the checkpoint that you hold/, 'by no other');
	my $forged = slurp_file("$dir/all") =~ s/\\n(\d+)\\n/"\\n" . ($1 + 1) . "\\n"/er;
	like(verify('archive', file('forged', $forged), '--verifier', $verifier), qr/position 1: the checkpoint is not signed by this key/, 'nor where the checkpoint was changed');
	$receiver->wait_for(sub { $receiver->events('/witness') > 0 }, 'the checkpoint is sent as an event');
	my ($event) = $receiver->events('/witness');
	utf8::encode(my $sent = $event->{data}{seal}{checkpoint});
	is($sent, $first, 'the same text');
	is($event->{data}{seal}{verifier}, $verifier, 'with the key');
};

subtest 'a changed past shows' => sub {
	my $second = checkpoint();
	my $proof = sql(sprintf 'SELECT odoo_events.consistency_proof(%d, %d)', $first =~ /\n(\d+)\n/, $second =~ /\n(\d+)\n/);
	like(consistent($first, $second, $proof, $verifier), qr/is the beginning/, 'the first log is the beginning of the second');
	my $was = sql('SELECT event FROM odoo_events.outbox_all WHERE position = 7');
	my $id = sql('SELECT id FROM odoo_events.outbox_all WHERE position = 7');
	is(sql(qq{SELECT odoo_events.inclusion_proof('$id') ->> 'event'}), 'whole', 'an event is as it was sealed');
	for my $i (0 .. 7) { sql(qq{UPDATE odoo_events.outbox_$i SET event = replace(event, '"specversion"', '"specversioN"') WHERE position = 7}) }
	like(verify('archive', archive('changed'), '--verifier', $verifier), qr/^position 7: the event is not what was sealed\n.* 1 not proved$/, 'an UPDATE of a superuser');
	is(sql(qq{SELECT odoo_events.inclusion_proof('$id') ->> 'event'}), 'changed', 'the server says so itself');
	# he knows how evidence is kept, and changes that along
	sql(q{UPDATE odoo_events.seal_leaf SET salts = overlay(salts PLACING '\x00000000000000000000000000000000'::bytea FROM 6 * 16 + 1) WHERE n = 0});
	like(verify('archive', archive('salt'), '--verifier', $verifier), qr/^position 7: the salt is gone, and the event does not say/, 'a salt that was taken away');
	sql(q{UPDATE odoo_events.seal_leaf s SET salts = overlay(s.salts PLACING '\x01010101010101010101010101010101'::bytea FROM 6 * 16 + 1),
	        parts = overlay(s.parts PLACING substr(odoo_events._seal_leaf(o.position, o.id, o.event, o.classes, '\x01010101010101010101010101010101'), 33) FROM 6 * 64 + 1) FROM odoo_events.outbox_all o WHERE o.position = 7 AND s.n = 0});
	like(verify('archive', archive('leaf'), '--verifier', $verifier), qr/^position 7: the event is not in the log\n/, 'a leaf that was made for the changed event');
	sql(q{UPDATE odoo_events.seal_tile t SET hashes = overlay(t.hashes PLACING substr(odoo_events._seal_leaf(o.position, o.id, o.event, o.classes, '\x01010101010101010101010101010101'), 1, 32) FROM 6 * 32 + 1)
	        FROM odoo_events.outbox_all o WHERE o.position = 7 AND t.n = 0 AND t.level = 0});
	my $third = checkpoint();
	like(verify('archive', archive('tree'), '--verifier', $verifier, '--checkpoint', file('held', $third)), qr/ 0 not proved$/, 'a whole tree that was made again agrees with itself');
	$proof = sql(sprintf 'SELECT odoo_events.consistency_proof(%d, %d)', $second =~ /\n(\d+)\n/, $third =~ /\n(\d+)\n/);
	like(consistent($second, $third, $proof, $verifier), qr/is not the beginning/, 'and not with the checkpoint that an outsider holds');
	sql(qq{DELETE FROM odoo_events.outbox_$_ WHERE position = 9}) for 0 .. 7;
	like(verify('archive', archive('gap'), '--verifier', $verifier), qr/^position 9: missing/, 'an event that was taken out');
};

subtest 'an erased event still verifies' => sub {
	my $n = sql(qq{SELECT rows FROM odoo_events.erase('partner', $partner, 'ticket 1') WHERE place = 'outbox'});
	# as it is classified now, and no longer as it was then
	sql(q{UPDATE odoo_events.field SET classification = 'internal' WHERE classification = 'personal'});
	sql(qq{SELECT odoo_events.erase('partner', $partner, 'ticket 1', dry_run => false)});
	checkpoint();
	my $said = verify('archive', archive('erased'), '--verifier', $verifier);
	like($said, qr/^position 9: missing.*\n\d+ events, $n of them erased, 1 not proved$/, 'all that the person was taken out of') or diag $said;
	unlike(slurp_file("$dir/erased"), qr/$name/, 'without him');
	is(sql(q{SELECT count(*) FROM odoo_events.archive('-infinity') WHERE proof ->> 'event' = 'erased'}), $n, 'the server says the same');
	sql(qq{UPDATE odoo_events.outbox_$_ SET event = replace(event, '"specversion"', '"specversioN"') WHERE event LIKE '%erasedtime%'}) for 0 .. 7;
	like(verify('archive', archive('erased'), '--verifier', $verifier), qr/: what is left of the event is not what was sealed\n/, 'what is left cannot be changed either');
};

subtest 'a log of seventy thousand leaves' => sub {
	my $seed = $ENV{SEED} // int(rand(1_000_000));
	srand($seed);
	note "SEED=$seed";
	OdooEvents->load($node, 'large', 'odoo19');
	my $to = sub { return qq{INSERT INTO odoo_events.outbox_0 (position, id, type, subject, partitionkey, "time", recordedtime, entity, odootx, event)
	    SELECT i, id, 'a.b.c.d.v1', 's', 'k', now(), now(), 'e', pg_current_xact_id(), format('{"id":"%s","data":{}}', id) FROM generate_series($_[0], $_[1]) i, LATERAL (SELECT gen_random_uuid() AS id WHERE i > 0) x;
	  INSERT INTO odoo_events.publish_cursor_0 (n, system_identifier, s1, last_position, at) SELECT 1000000 + $_[1], 0, pg_current_snapshot(), $_[1], now()} };
	my ($at, %note) = (0);
	$node->append_conf('postgresql.conf', "odoo_events.databases = 'plant'\n");
	$node->reload;
	foreach my $size (1, 2, 3, 255, 256, 257, 1000, 65536, 65537, 66000 + int rand 4000)
	{
		$node->safe_psql('large', $to->($at + 1, $size));
		$at = $size;
		$note{$size} = $node->safe_psql('large', 'SELECT odoo_events.seal()');
	}
	my $key = $node->safe_psql('large', 'SELECT DISTINCT verifier FROM odoo_events.checkpoint');
	my @sizes = sort { $a <=> $b } keys %note;
	my @wrong;
	foreach my $i (0 .. $#sizes)
	{
		my $j = $i + int rand(@sizes - $i);
		my $proof = $node->safe_psql('large', "SELECT odoo_events.consistency_proof($sizes[$i], $sizes[$j])");
		my $said = consistent($note{ $sizes[$i] }, $note{ $sizes[$j] }, $proof, $key);
		push @wrong, "$sizes[$i] $sizes[$j]: $said" unless $said =~ /^the log of $sizes[$i] leaves is the beginning of the one of $sizes[$j]$/;
	}
	is_deeply(\@wrong, [], 'each checkpoint is the beginning of each later one');
	my $some = join ',', 1, 256, 257, 65536, 65537, $at, map { 1 + int rand $at } 1 .. 20;
	my @proofs = split /\n/, $node->safe_psql('large', qq{SELECT json_build_object('position', o.position, 'event', o.event, 'proof', odoo_events.inclusion_proof(o.id)) FROM odoo_events.outbox_all o WHERE o.position IN ($some) ORDER BY o.position});
	my @said = map { verify('archive', file('one', "$_\n"), '--verifier', $key) } @proofs[ 0 .. 4 ];
	is(scalar(grep { !/ 0 not proved$/ } @said), 0, 'inclusion proofs of the first and last of each row') or diag @said;
	unlike(verify('archive', file('many', join("\n", @proofs) . "\n"), '--verifier', $key), qr/not in the log|not what was sealed/, 'and of others');
	# hashes go when they are too old
	$node->safe_psql('large', q{UPDATE odoo_events.seal_checkpoint SET at = at - interval '11 years' WHERE size <= 65537; SELECT odoo_events._seal_forget_old(l) FROM odoo_events.seal_log l});
	is($node->safe_psql('large', 'SELECT min(n) FROM odoo_events.seal_tile WHERE level = 0'), 256, 'rows before the retention are gone');
	is(verify('archive', file('one', "$proofs[-1]\n"), '--verifier', $key) =~ / 0 not proved/, 1, 'a proof that was kept holds');
	my (undef, undef, $gone) = $node->psql('large', 'SELECT odoo_events.inclusion_proof(id) FROM odoo_events.outbox_all WHERE position = 5');
	like($gone, qr/no longer has what this proof needs/, 'a new one cannot be made');
	my $proof = $node->safe_psql('large', "SELECT odoo_events.consistency_proof(65536, $at)");
	like(consistent($note{65536}, $note{$at}, $proof, $key), qr/is the beginning/, 'an old checkpoint still is the beginning of the log');
};

subtest 'who may' => sub {
	sql(q{CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA odoo_events TO clerk; GRANT SELECT ON odoo_events.outbox TO clerk; GRANT EXECUTE ON FUNCTION odoo_events.archive, odoo_events.seal, odoo_events.inclusion_proof TO clerk;
	  SELECT odoo_events.set_policy('clerk', types => '{odoo.logistics.*}')});
	my $as = sub { my (undef, $o, $e) = $node->psql($db, $_[0], connstr => $node->connstr($db) . ' user=clerk'); return $o . $e };
	is($as->(q{SELECT count(*) FROM odoo_events.archive('-infinity')}), sql(q{SELECT count(*) FROM odoo_events.outbox WHERE type LIKE 'odoo.logistics.%'}), 'an archive has what the policy shows');
	like($as->('SELECT odoo_events.seal()'), qr/not for a role under a policy/, 'seal() is for those who have none');
	like($as->(q{SELECT odoo_events.inclusion_proof(} . "'" . sql(q{SELECT id FROM odoo_events.outbox WHERE type LIKE 'odoo.sales.%' LIMIT 1}) . "')"), qr/is not in the outbox/, 'what is not shown is not proved');
};
$node->stop;
done_testing();

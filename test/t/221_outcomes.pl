# Accepted is not processed: receivers that answer 202 and never say more, say it late, twice, or that it failed; that refuse the third of ten;
# that refuse one type only.  What follows is seen at the receiver, in the views and by platform events.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use Test::More;

my $node = OdooEvents->node('outcomes', "odoo_events.restart_delay = '200ms'\n");
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db");
$node->safe_psql($db, 'CREATE EXTENSION odoo_events; SELECT odoo_events.arm()');
my $receiver = OdooEvents->receiver;
sub sql { return $node->safe_psql($db, $_[0]) }

# An event of ours; answers its id.
sub emit
{
	my ($subject, $key, $type) = @_;
	return sql(sprintf q{SELECT odoo_events.emit('%s', '%s', '{"order": {"id": 1, "name": "%s", "note": "hush", "ref": "r"}}', key => '%s')}, $type // 'acme.sales.order.placed.v1', $subject, $subject, $key // $subject);
}
sub ids { my ($path) = @_; return map { $_->{id} } $receiver->events($path) }
sub awaits { my ($query, $what) = @_; return ok($node->poll_query_until($db, $query), $what) }
sub outcome { my ($id) = @_; return sql("SELECT state || coalesce(' ' || reference, '') FROM odoo_events.outcome WHERE event_id = '$id'") }
sub told { my ($type, $id) = @_; return "SELECT count(*) = 1 FROM odoo_events.outbox WHERE type = 'odoo.platform.outcome.$type.v1' AND event #>> '{data,event,id}' = '$id'" }

subtest 'sql: the consumer confirms, late, twice, that it failed, or never' => sub {
	$receiver->misbehave({ path => '/sql', status => 202 });
	$receiver->subscribe($node, $db, 'sql', '/sql', q{types => '{acme.*}', outcomes => 'sql', outcome_within => '3s'});
	my ($good, $bad, $never) = (emit('good'), emit('bad'), emit('never', 'good'));
	awaits(q{SELECT count(*) = 3 FROM odoo_events.outcome WHERE state IN ('pending', 'overdue')}, 'three are accepted, also the second of a key whose first is pending');
	is(sql("SELECT odoo_events.confirm('sql', '$good', reference => 'WMS-1')"), 't', 'a confirmation');
	is(sql("SELECT odoo_events.confirm('sql', '$good', reference => 'WMS-1')"), 'f', 'told twice: known');
	is(outcome($good), 'processed WMS-1', 'processed');
	sql("SELECT odoo_events.confirm('sql', '$bad', 'failed', note => 'no such article')");
	is(sql("SELECT last_error FROM odoo_events.dead_letter WHERE event_id = '$bad'"), 'the receiver could not process it: no such article', 'a failed one is a dead letter');
	awaits(told('failed', $bad), 'and is told');
	like(sql("SELECT string_agg(step, ' ') FROM odoo_events.trace(event_id => '$never') WHERE subscription = 'sql'"), qr/unconfirmed/, 'trace() says that nothing is confirmed');
	awaits(told('overdue', $never), 'what never comes is told');
	is(outcome($never), 'overdue', 'as overdue');
	like(sql(q{SELECT string_agg(status || ' ' || detail, E'\n') FROM odoo_events.health() WHERE "check" = 'outcomes'}), qr/^(?=.*critical sql: 1 accepted events have no outcome).*warn sql: 1 accepted events failed/s, 'health() knows both');
	$node->restart;
	sql("SELECT odoo_events.confirm('sql', '$never', reference => 'late')");
	is(outcome($never), 'processed late', 'late is better than never');
	sql("SELECT odoo_events.confirm('sql', '$bad')");
	is(sql('SELECT count(*) FROM odoo_events.dead_letter'), '0', 'the last word counts: processed after all');
	awaits(told('overdue', $never), 'overdue was told once, also over a restart');
	like(($node->psql($db, q{SELECT odoo_events.confirm('sql', gen_random_uuid())}))[2], qr/names no event/, 'an unknown id is refused');
	sql(q{CREATE ROLE consumer LOGIN; CREATE ROLE stranger LOGIN; GRANT USAGE ON SCHEMA odoo_events TO consumer, stranger; GRANT EXECUTE ON FUNCTION odoo_events.confirm TO consumer, stranger;
		GRANT SELECT ON odoo_events.outcome TO consumer, stranger;
		SELECT odoo_events.set_policy('consumer', may => '{consume,read}', subscriptions => '{sql}'); SELECT odoo_events.set_policy('stranger', may => '{consume,read}', subscriptions => '{other}')});
	my $as = sub { my ($role, $query) = @_; return [ $node->psql($db, $query, extra_params => [ '-U', $role ]) ] };
	is($as->('consumer', "SELECT odoo_events.confirm('sql', '$good')")->[1], 'f', 'a consumer with a policy confirms what is his');
	isnt($as->('stranger', "SELECT odoo_events.confirm('sql', '$good', 'failed')")->[0], 0, 'and not what is not');
	is(join(' ', map { $as->($_, 'SELECT count(*) FROM odoo_events.outcome')->[1] } 'consumer', 'stranger'), '3 0', 'nor does he see it');
	sql(q{SELECT odoo_events.unsubscribe('sql')});
};

subtest 'a confirmation whose transaction stays open holds up nobody' => sub {
	$receiver->subscribe($node, $db, 'slow', '/slow', q{types => '{acme.*}', outcomes => 'sql'});
	$receiver->subscribe($node, $db, 'beside', '/beside', q{types => '{acme.*}'});
	my $settled = q{SELECT bool_and(lag_events = 0) FROM odoo_events.subscription_status WHERE name IN ('slow', 'beside')};
	my $first = emit('first');
	awaits("SELECT count(*) = 1 FROM odoo_events.outcome WHERE event_id = '$first' AND subscription = 'slow'", 'one is accepted');
	sql(q{SELECT odoo_events.pause('slow')});
	my $second = emit('second');
	my $third = emit('third');
	my $consumer = $node->background_psql($db, on_error_stop => 1);
	$consumer->query_safe($_) foreach 'BEGIN', "SELECT odoo_events.confirm('slow', '$first')", "SELECT odoo_events.confirm('slow', '$second', 'failed')";
	my $dead = $node->background_psql($db, on_error_stop => 1);
	$dead->query_safe($_) foreach 'BEGIN', "SELECT odoo_events.confirm('slow', '$third')";
	sql(q{SELECT odoo_events.resume('slow')});
	emit('fourth');
	awaits(q{SELECT count(*) = 2 FROM odoo_events.outcome_late}, 'what is being confirmed waits aside');
	awaits($settled, 'all is delivered and settled meanwhile');
	is(sql(q{SELECT last_error IS NULL FROM odoo_events.worker_status}), 't', 'the worker waited for no lock');
	$consumer->query_safe('COMMIT');
	$dead->query_safe('ROLLBACK');
	$_->quit foreach $consumer, $dead;
	awaits(q{SELECT count(*) = 0 FROM odoo_events.outcome_late}, 'and is noted when that has ended');
	is(sql("SELECT state FROM odoo_events.outcome WHERE subscription = 'slow' AND event_id = '$first'"), 'processed', 'what was confirmed is processed');
	awaits("SELECT count(*) = 1 FROM odoo_events.dead_letter WHERE subscription = 'slow' AND event_id = '$second'", 'what was confirmed as failed before it was accepted is a dead letter');
	is(sql("SELECT state FROM odoo_events.outcome WHERE subscription = 'slow' AND event_id = '$third'"), 'pending', 'what was rolled back waits for its outcome');
	sql(q{SELECT odoo_events.unsubscribe('slow'); SELECT odoo_events.unsubscribe('beside')});
};

subtest 'event: an event of the same key is the outcome' => sub {
	$receiver->subscribe($node, $db, 'event', '/event', q{types => '{acme.sales.*}', outcomes => 'event', outcome_types => '{acme.purchase.*}'});
	my ($one, $two) = (emit('e1'), emit('e2'));
	awaits(q{SELECT count(*) = 2 FROM odoo_events.outcome WHERE state = 'pending' AND due_at IS NULL}, 'two wait, without a time limit');
	my $answer = emit('PO1', 'e1', 'acme.purchase.order.acknowledged.v1');
	awaits("SELECT state = 'processed' FROM odoo_events.outcome WHERE event_id = '$one'", 'the event settles the one of its key');
	is(outcome($one), "processed acme.purchase.order.acknowledged.v1 $answer", 'and is its reference');
	is(outcome($two), 'pending', 'the other waits on');
	sql(q{SELECT odoo_events.unsubscribe('event')});
};

subtest 'body: the third of ten is refused, alone' => sub {
	$receiver->misbehave({ path => '/body', reject => '^b[37]$', times => 1, status => 200 }, { path => '/body', reject => '^b7$', status => 200 });
	$receiver->subscribe($node, $db, 'body', '/body', q{types => '{acme.*}', format => 'batch', batch_size => 10, batch_wait => '1min', outcomes => 'body', accepted => '$.ok == true', on_reject => 'dead', retry_schedule => '{10ms,1h}'});
	my %id = map { ("b$_" => emit("b$_", 'k' . $_ % 2)) } 1 .. 10;
	awaits(q{SELECT count(*) = 1 FROM odoo_events.dead_letter WHERE subscription = 'body'}, 'what is refused again is a dead letter at once');
	is(sql(q{SELECT subject || ': ' || last_error FROM odoo_events.dead_letter WHERE subscription = 'body'}), 'b7: rejected by the receiver: unknown article', 'with the reason');
	$receiver->wait_for(sub { @_ == 3 }, 'three requests', '/body');
	my @requests = map { JSON::PP::decode_json($_->{body}) } $receiver->ledger('/body');
	is(join(' ', map { scalar @$_ } @requests), '10 1 1', 'the ten, then the two alone');
	is(join(' ', sort map { $_->[0]{subject} } @requests[ 1, 2 ]), 'b3 b7', 'which were refused');
	awaits(q{SELECT lag_events = 0 FROM odoo_events.subscription_status WHERE name = 'body'}, 'nothing is left, and nothing blocks');
	like(sql(q{SELECT string_agg(error, ' ') FROM odoo_events.attempt WHERE subscription = 'body' AND status = 200}), qr/2 of 10 events were rejected by the receiver: unknown article/, 'the attempt says so');
	for my $bad ([ '', 'has no body' ], [ 'x', 'no valid JSON' ], [ '{"ok": true, "ok": false}', 'no valid JSON' ], [ '{"ok": false}', 'does not say that it was accepted' ],
		[ '{"ok": true, "rejected": ["00000000-0000-8000-8000-000000000000"]}', 'rejects something that was not sent' ], [ '{"ok": true, "x": "' . 'x' x 70000 . '"}', 'more than 64 kB' ], [ '{"ok": true, "x": "\u0000"}', 'no valid JSON' ])
	{
		$receiver->misbehave({ path => '/body', status => 200, body => $bad->[0] });
		my $id = emit('one');
		sql(q{SELECT odoo_events.alter_subscription('body', batch_wait => '0')});
		awaits("SELECT last_error ~ '$bad->[1]' FROM odoo_events.dead_letter WHERE event_id = '$id'", "an answer that $bad->[1] refuses the request");
	}
	is(sql(q{SELECT breaker FROM odoo_events.subscription_status WHERE name = 'body'}), 'closed', 'who says what is wrong is alive');
	sql(q{SELECT odoo_events.unsubscribe('body')});
};

subtest 'on_reject: 422 of one type is the fault of these events' => sub {
	$receiver->misbehave({ path => '/hold', type => 'shipment', status => 422, body => 'no such carrier' });
	$receiver->subscribe($node, $db, 'hold', '/hold', q{types => '{acme.*}', on_reject => 'hold', retry_schedule => '{0}'});
	my @held = map { emit("s$_", "s$_", 'acme.logistics.shipment.assigned.v1') } 1 .. 12;
	my $behind = emit('behind', 's1');
	my $other = emit('other');
	$receiver->wait_for(sub { grep { $_->{status} == 204 } @_ }, 'another type arrives', '/hold');
	awaits(q{SELECT count(*) = 12 FROM odoo_events.waiting WHERE subscription = 'hold' AND state = 'retry' AND next_attempt_at > now() + interval '1 year'}, 'twelve are held');
	is(sql("SELECT state FROM odoo_events.waiting WHERE event_id = '$behind'"), 'behind', 'with what is behind them');
	is(sql(q{SELECT breaker || ' ' || dead_letters FROM odoo_events.subscription_status WHERE name = 'hold'}), 'closed 0', 'the breaker is closed, nothing is given up');
	like(sql(q{SELECT detail FROM odoo_events.health() WHERE "check" = 'rejections'}), qr/^hold: 422 for acme.logistics.shipment.assigned.v1 only \(12 events\), 1 other types accepted$/, 'health() groups them');
	my $before = () = $receiver->ledger('/hold');
	$node->restart;
	emit('after');
	$receiver->wait_for(sub { grep { $_->{body} =~ /"after"/ } @_ }, 'another one arrives after a restart', '/hold');
	is(scalar(() = $receiver->ledger('/hold')), $before + 1, 'they are held over it');
	sql("SELECT odoo_events.skip('hold', ARRAY['$held[0]']::uuid[])");
	$receiver->wait_for(sub { grep { $_->{body} =~ /"behind"/ } @_ }, 'skip() lets what is behind go', '/hold');
	$receiver->misbehave();
	sql(q{SELECT odoo_events.retry_now('hold')});
	awaits(q{SELECT lag_events = 0 FROM odoo_events.subscription_status WHERE name = 'hold'}, 'retry_now() sends the others');
	is(scalar(grep { my $id = $_; grep { $_ eq $id } ids('/hold') } @held), 11, 'all but the one that was skipped');
	$receiver->misbehave({ path => '/dead', status => 422 });
	$receiver->subscribe($node, $db, 'dead', '/dead', q{types => '{acme.*}', on_reject => 'dead'});
	my $dead = emit('dead');
	awaits("SELECT attempts = 1 FROM odoo_events.dead_letter WHERE event_id = '$dead' AND subscription = 'dead'", 'dead: after one attempt');
	sql(qq{SELECT odoo_events.unsubscribe('$_')}) foreach 'hold', 'dead';
};

subtest 'fields: a subscription gets what it has chosen' => sub {
	$receiver->misbehave();
	$receiver->subscribe($node, $db, 'fields', '/fields', q{types => '{acme.*}', fields => '{order.name,order.ref}'});
	emit('chosen');
	$receiver->wait_for(sub { @_ == 1 }, 'an event', '/fields');
	is_deeply(($receiver->events('/fields'))[0]{data}, { order => { id => 1, name => 'chosen', ref => 'r' } }, 'the fields, and the id');
	is_deeply([ $receiver->problems('/fields') ], [], 'properly signed');
};
$node->stop;
done_testing();

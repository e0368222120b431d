# A receiver answers 202 with a Location and says there what became of the events: soon, late, never, that it failed; it sends us elsewhere, forgets
# the job, hangs, wants a new token.  Everything waits at the same time, so that the file takes no longer than the slowest.
# once: HTTP, not PostgreSQL
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use Test::More;

my $node = OdooEvents->node('polls', "odoo_events.restart_delay = '200ms'\n");
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db");
$node->safe_psql($db, 'CREATE EXTENSION odoo_events; SELECT odoo_events.arm()');
my $receiver = OdooEvents->receiver;
sub sql { return $node->safe_psql($db, $_[0]) }
sub awaits { my ($query, $what) = @_; return ok($node->poll_query_until($db, $query), $what) }
sub emit { my ($kind, $subject) = @_; return sql(sprintf q{SELECT odoo_events.emit('acme.%s.order.placed.v1', '%s', '{"order": {"id": 1}}')}, $kind, $subject) }
sub outcome { my ($id, $what) = @_; return sql("SELECT $what FROM odoo_events.outcome WHERE event_id = '$id'") }
sub told { my ($type, $id) = @_; return "SELECT count(*) = 1 FROM odoo_events.outbox WHERE type = 'odoo.platform.outcome.$type.v1' AND event #>> '{data,event,id}' = '$id'" }
sub asked { my ($path) = @_; return grep { ($_->{headers}{':method'} // '') eq 'GET' } $receiver->ledger($path) }
# A subscription of its own type whose answers are 202 with this Location.
sub subscribe
{
	my ($name, $more) = @_;
	return $receiver->subscribe($node, $db, $name, "/$name", "types => '{acme.$name.*}', outcomes => 'poll'" . ($more ? ", $more" : ''));
}
sub accepts { my ($name, $location) = @_; return { path => "^/$name\$", status => 202, headers => { Location => $location // "/jobs/$name/{id}" } } }
my @away = map { accepts(@$_) } [ 'elsewhere', 'http://other.example.com/jobs/1' ], [ 'scheme', 'https://127.0.0.1/jobs/1' ], [ 'credentials', 'http://a:b@127.0.0.1/jobs/1' ], [ 'nonsense', 'http://[x' ];
my @rules = (
	(map { accepts($_) } 'soon', 'late', 'fails', 'lost', 'epcis', 'hangs', 'policy', 'restart', 'hours'), @away, accepts('batch'), accepts('oauthed', '/oauth/jobs/1'),
	{ path => '^/nowhere$', status => 202 }, { path => '^/atonce$', status => 200, body => '{"order": "WMS-7"}' },
	{ path => '^/jobs/soon/', status => 200, headers => { 'Retry-After' => '1' }, body => '{"status": "running"}', times => 2 },
	{ path => '^/jobs/(soon|batch)/', status => 200, body => '{"status": "Completed"}' }, { path => '^/oauth/jobs/', status => 200, body => '{"status": "done"}' },
	{ path => '^/jobs/fails/', status => 200, body => '{"status": "failed", "reason": "no such article"}', times => 1 }, { path => '^/jobs/fails/', status => 200, body => '{"status": "processed"}' },
	{ path => '^/jobs/epcis/', status => 200, body => '{"running": true, "success": true}', times => 1 }, { path => '^/jobs/epcis/', status => 200, body => '{"running": false, "success": false, "errors": ["x"]}' },
	{ path => '^/jobs/lost/', status => 404 }, { path => '^/jobs/hangs/', hang => 1, times => 1 }, { path => '^/jobs/hangs/', status => 200, body => '{"status": "ok", "status": "ok"}', times => 1 },
	{ path => '^/jobs/hangs/', status => 503, times => 1 }, { path => '^/jobs/hangs/', garbage => 1, times => 1 }, { path => '^/jobs/hangs/', status => 200, body => '{"status": "ok"}' },
);
my $late = { path => '^/jobs/(late|restart|policy)/', status => 200, body => '{"status": "pending"}' };
$receiver->misbehave(@rules, $late);
my %more = (soon => q{auth => '{"type": "bearer", "token": "s3cret-of-polls"}', headers => '{"X-Tenant": "plant"}'}, late => q{outcome_within => '2s'}, batch => q{format => 'batch', batch_size => 3, batch_wait => '1min'},
	epcis => q{outcome_status => '$ ? (@.running == false).success'}, hangs => q{timeout => '500ms'}, atonce => 'keep_answers => true',
	oauthed => sprintf q{auth => '{"type": "oauth2", "token_url": "%s", "client_id": "client", "client_secret": "s3cret of the client"}'}, $receiver->url('/token'));
my @kinds = ('soon', 'late', 'fails', 'lost', 'epcis', 'hangs', 'policy', 'restart', 'elsewhere', 'scheme', 'credentials', 'nonsense', 'nowhere', 'atonce', 'oauthed', 'batch');
subscribe($_, $more{$_}) foreach @kinds;
my %id = map { ($_ => emit($_, $_)) } @kinds;
my @batch = ($id{batch}, emit('batch', 'b2'), emit('batch', 'b3'));

subtest 'a 2xx without a Location is the outcome, unless it is 202' => sub {
	awaits("SELECT state = 'processed' AND polls = 0 FROM odoo_events.outcome WHERE event_id = '$id{atonce}'", '200 says that it is processed');
	awaits("SELECT response = '{\"order\": \"WMS-7\"}' FROM odoo_events.attempt WHERE event_id = '$id{atonce}'", 'keep_answers keeps what the receiver said');
	awaits("SELECT state = 'pending' AND note = 'the answer has no Location to ask' FROM odoo_events.outcome WHERE event_id = '$id{nowhere}'", '202 waits, and says why nobody asks');
};

subtest 'a Location of another origin is not asked' => sub {
	awaits("SELECT state = 'pending' AND note ~ '$_->[1]' FROM odoo_events.outcome WHERE event_id = '$id{$_->[0]}'", "$_->[0]: $_->[1]")
	  foreach [ 'elsewhere', 'another origin' ], [ 'scheme', 'another origin' ], [ 'credentials', 'credentials in it' ], [ 'nonsense', 'is no URL' ];
	is(scalar(() = asked('/jobs/1')), 0, 'nothing was sent there');
};

subtest 'outcomes are due in open hours' => sub {
	sql(q{SELECT odoo_events.define_calendar('never', 'UTC', '{"sun": ["00:00-00:01"]}')});
	like(($node->psql($db, q{SELECT odoo_events.alter_subscription('late', outcome_calendar => 'none')}))[2], qr/there is no calendar "none"/, 'an unknown calendar is refused');
	subscribe('hours', q{outcome_within => '1s', outcome_calendar => 'never'});
	my $id = emit('hours', 'h1');
	awaits("SELECT EXTRACT(isodow FROM due_at AT TIME ZONE 'UTC') = 7 AND due_at > received_at FROM odoo_events.outcome WHERE event_id = '$id'", 'the next second that is open is a Sunday\'s');
	sql(q{SELECT odoo_events.unsubscribe('hours')});
};

subtest 'the receiver is asked until it says processed' => sub {
	awaits("SELECT state = 'processed' AND polls = 3 FROM odoo_events.outcome WHERE event_id = '$id{soon}'", 'the third answer says so');
	my @gets = asked("/jobs/soon/$id{soon}");
	is(scalar(@gets), 3, 'it was asked three times, and no more');
	is($gets[0]{headers}{authorization}, 'Bearer s3cret-of-polls', 'with the credentials of the subscription');
	is($gets[0]{headers}{'x-tenant'}, 'plant', 'and its headers');
	is($gets[0]{headers}{'webhook-signature'}, undef, 'nothing is signed that is not sent');
	awaits("SELECT step = 'processed' FROM odoo_events.trace(event_id => '$id{soon}') WHERE subscription = 'soon' AND step !~ 'attempt'", 'trace() says so');
	is(sql("SELECT count(*) FROM odoo_events.outcome WHERE note ~ 's3cret'"), '0', 'no credential is in a note');
};

subtest 'a batch is asked for once' => sub {
	awaits("SELECT count(*) = 3 FROM odoo_events.outcome WHERE subscription = 'batch' AND state = 'processed'", 'the three have one outcome');
	is(scalar(grep { ($_->{headers}{':method'} // '') eq 'GET' && $_->{path} =~ m{^/jobs/batch/} } $receiver->ledger), 1, 'by one question');
};

subtest 'a failure is a dead letter with its reason' => sub {
	awaits(told('failed', $id{fails}), 'it is told');
	is(sql("SELECT last_error FROM odoo_events.dead_letter WHERE event_id = '$id{fails}'"), 'the receiver could not process it: {"status": "failed", "reason": "no such article"}', 'with the answer');
	sql(q{SELECT odoo_events.replay('fails', dead_letters => true)});
	awaits("SELECT state = 'processed' FROM odoo_events.outcome WHERE event_id = '$id{fails}'", 'what is sent again is asked for again');
	is(sql("SELECT count(*) FROM odoo_events.dead_letter WHERE subscription = 'fails'"), '0', 'and is no dead letter any more');
	awaits(told('failed', $id{epcis}), 'an EPCIS capture job says it by two members');
};

subtest 'what never comes is overdue, and late is better than never' => sub {
	awaits(told('overdue', $id{late}), 'it is told once');
	like(sql(q{SELECT detail FROM odoo_events.health() WHERE "check" = 'outcomes' AND status = 'critical'}), qr/^late: 1 accepted events have no outcome/, 'health() knows it');
	awaits("SELECT state = 'processed' FROM odoo_events.outcome WHERE event_id = '$id{oauthed}'", 'a token is sent with the question');
	mkdir $node->data_dir . '/oe_faults';
	PostgreSQL::Test::Utils::append_to_file($node->data_dir . '/oe_faults/polls-written', 'error');
	ok(OdooEvents::Receiver::wait_until(sub { !-e $node->data_dir . '/oe_faults/polls-written' }, 'an error'), 'an error while answers are written');
	$node->restart('immediate');
	$receiver->misbehave(@rules, { %$late, body => '{"status": "finished"}' });
	awaits("SELECT state = 'processed' FROM odoo_events.outcome WHERE event_id = '$id{$_}'", "asked over a crash: $_") foreach 'late', 'restart', 'policy';
	awaits(told('overdue', $id{late}), 'it is not told again');
};

subtest 'who answers nothing that can be used is asked again' => sub {
	awaits("SELECT note = 'HTTP status 404' AND state = 'pending' FROM odoo_events.outcome WHERE event_id = '$id{lost}'", 'a job that is gone says nothing');
	awaits("SELECT state = 'processed' AND polls >= 4 FROM odoo_events.outcome WHERE event_id = '$id{hangs}'", 'silence, wrong JSON, 503 and noise are survived');
};

subtest 'a subscription that has moved asks its old receiver nothing' => sub {
	$receiver->misbehave(@rules, $late);
	my $id = emit('policy', 'p2');
	awaits("SELECT state = 'pending' AND polls > 0 FROM odoo_events.outcome WHERE event_id = '$id'", 'it is asked for');
	(my $moved = $receiver->url('/policy')) =~ s/127\.0\.0\.1/127.0.0.2/;
	sql(qq{SELECT odoo_events.alter_subscription('policy', url => '$moved')});
	awaits("SELECT note ~ 'another origin' FROM odoo_events.outcome WHERE event_id = '$id'", 'until the subscription has another origin');
	sql(q{SELECT odoo_events.pause('policy')});
	is(sql("SELECT odoo_events.confirm('policy', '$id', reference => 'by phone')"), 't', 'a person may know better');
};

$node->stop;
done_testing();

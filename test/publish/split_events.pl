# Splits events.md, which events_md.sql writes, into a folder: README.md, a page per domain, and an example per type.
#
#   perl split_events.pl events.md docs/events
use strict;
use warnings;
use File::Path qw(make_path remove_tree);
use Text::Wrap;

$Text::Wrap::columns = 101;
$Text::Wrap::huge = 'overflow';
my ($from, $to) = @ARGV;
remove_tree($to);
make_path("$to/examples");
open(my $in, '<', $from) or die "$from: $!";
my $text = do { local $/; <$in> };
my ($intro, @sections) = split /^## /m, $text;

sub put
{
	my ($file, $content) = @_;
	open(my $out, '>', "$to/$file") or die "$to/$file: $!";
	$content =~ s/\n{3,}/\n\n/g;
	$content =~ s/\n*\z/\n/;
	print $out $content;
	close $out or die "$to/$file: $!";
}

# Paragraphs and list items end at column 100; tables and code stay as they are.
sub wrapped
{
	my ($content) = @_;
	my @blocks = split /(^```.*?^```\n)/ms, $content;
	foreach my $block (@blocks)
	{
		next if $block =~ /^```/;
		$block = join "\n\n", map { /^(?:\||#)/ ? $_ : join "\n", map { my $p = $_; $p =~ s/\s*\n\s*/ /g; $p =~ s/^\s+|\s+$//g; wrap('', $p =~ /^- / ? '  ' : '', $p) } split /\n(?=- )/ } split /\n{2,}/, $block;
		$block .= "\n\n";
	}
	return join '', @blocks;
}

$intro =~ s/\]\((?=[\w-]+\.md)/](..\//g;
$intro =~ s/\(#(\w+)-(\w+)\)/($1.md#$2)/g;
# the table of entities becomes a list: its last column is longer than a line
my $domain_before = '';
$intro =~ s/^\| domain \| entity \| events \|\n\|.*\n//m;
$intro =~ s{^\| (\w+) \| (\[.*?\)) \| (.*) \|$}{
	my $heading = $1 eq $domain_before ? '' : "\n[$1]($1.md)\n\n";
	$domain_before = $1;
	"$heading- $2: $3"
}gme;
put('README.md', wrapped($intro));

my (%page, @domains);
foreach my $section (@sections)
{
	my ($domain, $label, $body) = $section =~ /^(\w+): (\w+)\n(.*)/s or die "no section: $section";
	my ($head, @types) = split /^### /m, $body;
	my ($lead, $table) = $head =~ /^(.*?)(\n\|.*)/s ? ($1, $2) : ($head, '');
	my (%row, @order);
	foreach my $line (split /\n/, $table)
	{
		my ($type) = $line =~ /^\| \[`([\w.]+)`\]/ or next;
		$line =~ s/^\| | \|$//g;
		$row{$type} = [ split / \| /, $line, -1 ];
		push @order, $type;
	}
	push @domains, $domain unless $page{$domain};
	my $out = "## $label\n\n" . wrapped($lead) . "| event | class | on by default |\n|---|---|---|\n";
	$out .= "| [`$_`](#" . tr/.//dr . ") | $row{$_}[4] | $row{$_}[5] |\n" foreach @order;
	foreach my $part (@types)
	{
		my ($type, $rest) = $part =~ /^([\w.]+)\n(.*)/s;
		my $cell = $row{$type} or die "no row for $type";
		my ($conditions, $example) = $rest =~ /^(.*?)^```json\n(.*?)^```/ms ? ($1, $2) : ($rest, undef);
		my @facts = ($cell->[2] ? 'it carries all lines' : (), $cell->[3] ? "EPCIS: $cell->[3]" : (), "shown by: $cell->[6]");
		$conditions =~ s/Not yet seen: no example\.//;
		$out .= "\n### $type\n\n" . wrapped("\u$cell->[1].") . wrapped($conditions) . wrapped(ucfirst(join('; ', @facts)) . '.');
		if ($example)
		{
			put("examples/$type.json", $example);
			$out .= "Example: [examples/$type.json](examples/$type.json)\n";
		}
	}
	$page{$domain} .= "$out\n";
}
foreach my $domain (@domains)
{
	(my $title = ucfirst $domain) =~ tr/_/ /;
	put("$domain.md", "# $title events\n\nGenerated, as all of this folder; [README.md](README.md) explains the words.\n\n$page{$domain}");
}

#!/usr/bin/env bash
# Is the source in order?  Reads only #include lines, the sizes of headers and the names of types.
#
#   - A folder includes headers of folders before it in the list of src/README.md (the fenced block "folders"), and its own.
#   - No files include one another in a circle; a .c file and its header count as one.
#   - No header is longer than 250 lines, and none is called internal.h.
#   - No two types of the library have the same name.
#   - What is read into an array of fixed length is checked in every build: Assert() is no such check.
#   - docs/errors.md is what test/lib/errors.pl makes of the sources.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
status=0
perl test/lib/errors.pl | cmp -s - docs/errors.md || { echo "docs/errors.md is not up to date: perl test/lib/errors.pl > docs/errors.md"; status=1; }
perl -we '
use strict;
my (%rank, @problems, %uses, %types);
open(my $readme, "<", "src/README.md") or die "src/README.md: $!";
my $inside = 0;
while (<$readme>)
{
	$inside = 0 if $inside && /^```/;
	$rank{$1} = scalar keys %rank if $inside && /^(\S+)/;
	$inside = 1 if /^```folders/;
}
@ARGV = map { glob } qw(src/*.[ch] src/*/*.[ch] src/*/*/*.[ch] src/*/*/*/*.[ch]);
my $lines = 0;
my $text = "";
sub folder { my ($file) = @_; return $file =~ m!^(.*)/[^/]*$! ? $1 : "." }
sub unit { my ($file) = @_; $file =~ s/\.[ch]$//; return $file }
while (<>)
{
	(my $file = $ARGV) =~ s!^src/!!;
	$lines++; $text .= $_;
	if (m!^#include "([\w/]+\.h)"! && -e "src/$1")
	{
		my ($from, $to) = (folder($file), folder($1));
		foreach my $f ($from, $to)
		{
			push @problems, "$file: folder $f is not in the list of src/README.md" if !exists $rank{$f};
		}
		push @problems, "$file: includes $1, but $to does not stand before $from in src/README.md"
		  if exists $rank{$from} && exists $rank{$to} && $rank{$to} > $rank{$from};
		$uses{ unit($file) }{ unit($1) } = 1 if unit($file) ne unit($1);
	}
	push @problems, "$file:$.: Assert() is left out of production builds, and does not guard an array" if /\bAssert\(.*(natts|lengthof)/;
	if (eof)
	{
		push @problems, "$file: $lines lines; a header has at most 250" if $file =~ /\.h$/ && $lines > 250;
		push @problems, "$file: no header is called internal.h" if $file =~ m!(^|/)internal\.h$!;
		$text =~ s!/\*.*?\*/!!gs;
		while ($text =~ /^(?:typedef (?:struct|enum|union)|struct) (\w+)\s*\{/mg) { $types{$1}{$file} = 1 }
		$lines = 0; $text = ""; close ARGV;
	}
}
foreach my $type (sort keys %types)
{
	push @problems, "type $type is in " . join(" and ", sort keys %{ $types{$type} }) if keys %{ $types{$type} } > 1;
}
# A file that reaches itself stands in a circle.
foreach my $start (sort keys %uses)
{
	foreach my $next (sort keys %{ $uses{$start} })
	{
		my (%seen, @todo);
		@todo = ($next);
		while (defined(my $u = shift @todo))
		{
			push @todo, grep { !$seen{$_}++ } keys %{ $uses{$u} };
		}
		push @problems, "circle: $start includes $next, from which includes lead back to it" if $seen{$start};
	}
}
print "$_\n" foreach @problems;
exit(@problems ? 1 : 0);
' || status=1
exit "$status"

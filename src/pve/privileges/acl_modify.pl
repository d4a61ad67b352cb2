# acl_modify PATH --users|--tokens NAME --roles ROLE --propagate 0|1
# Grants the role where the user or token lacks its privileges. An entry replaces what is inherited from the paths above
# and what groups have on the same path, so the roles that decide there today are granted beside it.
use strict;
use warnings;
my ($path, $option, $who, undef, $role, undef, $reaches) = @ARGV;
my $kind = $option eq "--tokens" ? "token" : "user";

sub rows {
    open(my $answer, "-|", "pveum", @_, "--output-format", "json") or die "pveum: $!\n";
    my $json = do { local $/; <$answer> };
    close($answer) or die "pveum @_ failed\n";
    my @rows;
    while ($json =~ /\{((?:"(?:[^"\\]++|\\.)*+"|[^"{}]++)*+)\}/gs) {
        my ($object, %row) = $1;
        while ($object =~ /"(\w+)"\s*:\s*(?:"((?:[^"\\]++|\\.)*+)"|(\w+))/gs) {
            $row{$1} = $2 // $3;
        }
        s/\\(.)/$1/gs for values %row;
        push @rows, \%row;
    }
    return @rows;
}

exit 0 if $who eq q{root@pam};
if ($who =~ /^(.*)!(.*)$/ && $kind eq "token") {
    my ($user, $name) = ($1, $2);
    my ($token) = grep { $_->{tokenid} eq $name } rows("user", "token", "list", $user);
    die "there is no token $who\n" if !$token;
    exit 0 if !$token->{privsep};    # it has what its user has
}
my %privileges = map { $_->{roleid} => [split /[,\s]+/, $_->{privs} // ""] } rows("role", "list");
die "there is no role $role\n" if !$privileges{$role};
my %groups;
for my $group ($kind eq "user" ? rows("group", "list") : ()) {
    $groups{$group->{groupid}} = 1 if grep { $_ eq $who } split /,/, $group->{users} // "";
}
my @acl = rows("acl", "list");

# The roles of the user or token, or of its groups, on exactly this path, and whether each one propagates.
sub entries {
    my ($at, $of) = @_;
    my %found;
    for my $entry (grep { $_->{path} eq $at && $_->{type} eq $of } @acl) {
        next if $of eq "group" ? !$groups{$entry->{ugid}} : $entry->{ugid} ne $who;
        $found{$entry->{roleid}} ||= $entry->{propagate};
    }
    return %found;
}

# The roles that decide on a path: those of the deepest level that has any, where own ones come before those of groups.
sub deciding {
    my ($at) = @_;
    my ($level, %decided) = ("");
    for my $level ("/", map { $level .= "/$_" } grep { length } split m{/}, $at) {
        for my $of ($kind eq "user" ? ("user", "group") : "token") {
            my %roles = entries($level, $of);
            delete @roles{grep { !$roles{$_} } keys %roles} if $level ne $at;
            next if !%roles;
            %decided = %roles;
            last;
        }
    }
    return %decided;
}

sub suffices {
    my %held = map { $_ => 1 } map { @{$privileges{$_} // []} } @_;
    return !grep { !$held{$_} } @{$privileges{$role}};
}

sub modify {
    my ($propagate, @roles) = @_;
    return if !@roles;
    my $roles = join(",", sort @roles);
    system("pveum", "acl", "modify", $path, $option, $who, "--roles", $roles, "--propagate", $propagate) == 0
        or die "pveum acl modify $path failed\n";
}

my %own = entries($path, $kind);
my %here = deciding($path);
my %below = deciding("$path/*");
exit 0 if suffices($reaches ? keys %below : keys %here);
die "$who has the role NoAccess on $path: nothing is changed there\n"
    if exists $here{NoAccess} || exists $below{NoAccess};
my @kept = grep { !exists $own{$_} } keys %here;
if (!$reaches) {
    modify(0, $role, grep { $_ ne $role } @kept);
    exit 0;
}
modify(0, @kept) if grep { !exists $below{$_} } @kept;
modify(1, grep { !$own{$_} } keys %{{%below, $role => 1}});

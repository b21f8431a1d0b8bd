namespace Makatea.Domains.Tests;

public class NearestNameTests
{
    [Theory]
    [InlineData("", "", 0)]
    [InlineData("abc", "", 3)]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("abcd", "abdc", 1)] // neighbours swapped
    [InlineData("storge", "storage", 1)]
    [InlineData("ca", "abc", 3)] // no letter is edited twice
    public void Distance_counts_edits(string a, string b, int expected)
    {
        Assert.Equal(expected, NearestName.Distance(a, b));
        Assert.Equal(expected, NearestName.Distance(b, a));
    }

    [Theory]
    [InlineData("memmory", "memory")]
    [InlineData("Grean", "green")]
    [InlineData("readonly", "read-only")]
    public void Finds_what_was_meant(string given, string expected) =>
        Assert.Equal(expected, NearestName.Find(given, ["memory", "green", "gray", "read-only"]));

    [Theory]
    [InlineData("")]
    [InlineData("ab")]
    [InlineData("network")]
    public void Offers_nothing_far_off(string given) => Assert.Null(NearestName.Find(given, ["memory", "cores", "a"]));

    [Fact]
    public void Does_not_work_on_names_without_bound() => Assert.Null(NearestName.Find(new string('a', 1_000_000), ["memory"]));
}

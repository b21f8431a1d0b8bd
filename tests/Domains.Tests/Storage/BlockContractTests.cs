using System.Reflection;
using Makatea.BlockContract;
using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

/// <summary>The contract's tests catch a device that breaks a promise; else they would be worth nothing.</summary>
public sealed class BlockContractTests
{
    [Theory]
    [InlineData(Promise.OnceOnly)]
    [InlineData(Promise.NeverTwice)]
    [InlineData(Promise.KnownTag)]
    [InlineData(Promise.WritesReachTheDevice)]
    [InlineData(Promise.ReadsStayInTheirSegments)]
    [InlineData(Promise.BoundsAreChecked)]
    [InlineData(Promise.ErrorsAreNotMadeUp)]
    [InlineData(Promise.IdleMaySleep)]
    [InlineData(Promise.NothingIsAllocated)]
    [InlineData(Promise.FlushesComplete)]
    public void A_device_that_breaks_a_promise_fails_a_test(Promise broken) => Assert.NotEmpty(Failures(broken));

    [Fact]
    public void A_device_that_breaks_none_fails_none() => Assert.Empty(Failures(Promise.None));

    private static List<string> Failures(Promise broken)
    {
        var failures = new List<string>();
        foreach (MethodInfo test in typeof(BlockDeviceContract).GetMethods().Where(m => m.GetCustomAttribute<FactAttribute>() is not null))
        {
            object[][] cases = [.. test.GetCustomAttributes<InlineDataAttribute>().SelectMany(d => d.GetData(test))];
            Exception? failure = Record.Exception(() => test.Invoke(new Contract(broken), cases.FirstOrDefault()))?.InnerException;
            if (failure is not null and not SkipException)
            {
                failures.Add($"{test.Name}: {failure.Message}");
            }
        }

        return failures;
    }

    private sealed class Contract(Promise broken) : BlockDeviceContract
    {
        protected override BlockDevice CreateDevice() => new DisobedientDevice(new MemoryDevice(1 << 20), broken);
    }
}

namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>
/// A test on one half of a system call's argument: <c>(half &amp; Mask) == Value</c>, or <c>half &gt;= Value</c>.
/// The kernel takes <c>int</c> arguments from the low half alone, so for those the low half is all there is to test.
/// </summary>
internal readonly record struct ArgumentTest(int Argument, bool High, uint Mask, uint Value, bool AtLeast, bool OwnProcess)
{
    /// <summary>An <c>int</c> argument has this value.</summary>
    public static ArgumentTest Int(int argument, uint value) => new(argument, false, uint.MaxValue, value, false, false);

    /// <summary>The bits of <paramref name="mask"/> in the low half are <paramref name="value"/>.</summary>
    public static ArgumentTest Bits(int argument, uint mask, uint value) => new(argument, false, mask, value, false, false);

    /// <summary>An <c>int</c> argument is the id of the process that the filter is on.</summary>
    public static ArgumentTest Self(int argument) => new(argument, false, uint.MaxValue, 1, false, true);

    /// <summary>A pointer has this value.</summary>
    public static ArgumentTest[] Pointer(int argument, ulong value) =>
        [new(argument, true, uint.MaxValue, (uint)(value >> 32), false, false), new(argument, false, uint.MaxValue, (uint)value, false, false)];

    /// <summary>A pointer is 0, or at least <paramref name="limit"/>: three alternatives.</summary>
    public static ArgumentTest[][] NullOrAtLeast(int argument, uint limit) =>
    [
        Pointer(argument, 0),
        [new(argument, true, uint.MaxValue, 1, true, false)],
        [new(argument, false, uint.MaxValue, limit, true, false)],
    ];
}

/// <summary>What the filter answers to one system call: admitted if all tests of any alternative hold, else the error.</summary>
/// <param name="Number">The system call.</param>
/// <param name="Alternatives">None: refused always. One without tests: admitted always.</param>
/// <param name="Error">The error number of a refusal.</param>
internal sealed record SyscallRule(Syscall Number, ArgumentTest[][] Alternatives, int Error)
{
    public bool IsAlwaysAdmitted => Alternatives is [[]];
}

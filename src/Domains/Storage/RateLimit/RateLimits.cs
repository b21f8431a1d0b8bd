namespace Makatea.Domains.Storage;

/// <summary>
/// How much a device may do. Reads and writes count together, by operations and by bytes; flushes, discards and zeroing count as an operation
/// without bytes. 0 stands for no limit.
/// </summary>
public sealed record RateLimits
{
    /// <summary>Nothing is limited.</summary>
    public static readonly RateLimits None = new();

    /// <summary>Operations per second in the long run.</summary>
    public long OperationsPerSecond { get; init; }

    /// <summary>Operations that may be done at once after a pause; by default those of a tenth of a second.</summary>
    public long OperationsBurst { get; init; }

    /// <summary>Bytes per second in the long run.</summary>
    public long BytesPerSecond { get; init; }

    /// <summary>Bytes that may be moved at once after a pause; by default those of a tenth of a second.</summary>
    public long BytesBurst { get; init; }

    /// <exception cref="ArgumentException">A value is negative, or a burst has no rate.</exception>
    internal void Check()
    {
        Check(OperationsPerSecond, OperationsBurst, "operations");
        Check(BytesPerSecond, BytesBurst, "bytes");

        static void Check(long rate, long burst, string what)
        {
            if (rate < 0 || burst < 0)
            {
                throw new ArgumentException($"{rate} {what} per second with a burst of {burst}: neither may be negative");
            }

            if (rate == 0 && burst != 0)
            {
                throw new ArgumentException($"a burst of {burst} {what} needs a limit of {what} per second");
            }
        }
    }
}

namespace Makatea.NetStack;

/// <summary>A service of the domain that does something when time has passed. On the forwarding thread.</summary>
public interface IHostTimer
{
    /// <summary>No deadline.</summary>
    const long Never = long.MaxValue;

    /// <summary>Does what is due. Cheap where nothing is.</summary>
    /// <param name="now">Milliseconds, as <see cref="IIpLayer.Now"/>.</param>
    /// <returns>When it wants to be called again at the latest; <see cref="Never"/> where only packets matter.</returns>
    long Tick(long now);
}

namespace Makatea.Platform;

/// <summary>An exception on its way to the guest. CR2 and DR6 say already what it is about.</summary>
/// <param name="Vector">0 to 31.</param>
/// <param name="ErrorCode">What is pushed, where the exception has an error code.</param>
public readonly record struct CpuException(byte Vector, uint? ErrorCode);

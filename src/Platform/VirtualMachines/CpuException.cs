namespace Makatea.Platform;

/// <summary>An exception on its way to the guest.</summary>
/// <param name="Vector">0 to 31.</param>
/// <param name="ErrorCode">What is pushed, where the exception has an error code.</param>
/// <param name="IsInjected">Its delivery has begun; else it is raised, and <paramref name="Payload"/> not yet where it belongs.</param>
/// <param name="Payload">What CR2 or DR6 get at its delivery.</param>
public readonly record struct CpuException(byte Vector, uint? ErrorCode, bool IsInjected, ulong? Payload);

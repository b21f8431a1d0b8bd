namespace Makatea.Drivers.Iommu;

/// <summary>A remapping unit cannot be used, or failed; the message says what was seen and what becomes of its devices.</summary>
public sealed class IommuException(string message, Exception? inner = null) : IOException(message, inner);

using Microsoft.Extensions.DependencyInjection;

namespace Makatea.Virtio;

/// <summary>
/// What a device backend's package exports: it registers its backends by name. Ours do it the same way as anybody's.
/// </summary>
public interface IMakateaModule
{
    /// <summary>Registers backends with <see cref="ModuleServiceCollectionExtensions.AddVirtioBackend{T}"/> and the services they need.</summary>
    void Configure(IServiceCollection services);
}

using System.Reflection;
using Makatea.Virtio;
using Makatea.Virtio.Block;
using Microsoft.Extensions.DependencyInjection;

namespace Makatea.Domains.Storage;

/// <summary>The backends that modules register, made by a container of Microsoft.Extensions.DependencyInjection: it finds what their constructors need.</summary>
public static class ModuleBackends
{
    /// <summary>Loads modules and makes their backends; <c>virtio-blk</c> is one of them always.</summary>
    /// <param name="services">What the domain has; backends may need each of it.</param>
    /// <param name="modules">Assemblies that name modules.</param>
    /// <param name="configure">Adds what else they may need.</param>
    /// <exception cref="InvalidOperationException">An assembly names no module, or a backend needs what there is not.</exception>
    public static BackendTable Create(BackendServices services, IEnumerable<Assembly>? modules = null, Action<IServiceCollection>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        IServiceCollection collection = new ServiceCollection()
            .AddSingleton(services.Manifest)
            .AddSingleton(services.Host)
            .AddSingleton(services.Grants)
            .AddSingleton(services.Disks)
            .AddSingleton(services.Logger)
            .AddSingleton(TimeProvider.System);
        configure?.Invoke(collection);
        foreach (Assembly assembly in (modules ?? []).Prepend(typeof(BlockModule).Assembly).Distinct())
        {
            _ = collection.AddModules(assembly);
        }

        var backends = new Dictionary<string, IVirtioBackend>();
        ServiceProvider provider = collection.BuildServiceProvider();
        try
        {
            foreach (string name in collection.Where(s => s.ServiceType == typeof(IVirtioBackend)).Select(s => s.ServiceKey).OfType<string>())
            {
                backends[name] = provider.GetRequiredKeyedService<IVirtioBackend>(name);
            }

            return new BackendTable(backends, provider);
        }
        catch
        {
            provider.Dispose();
            throw;
        }
    }
}

using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;

namespace Makatea.Virtio;

/// <summary>Loads modules and registers backends.</summary>
public static class ModuleServiceCollectionExtensions
{
    /// <summary>Runs every module that <paramref name="assembly"/> names with <see cref="MakateaModuleAttribute"/>.</summary>
    /// <exception cref="InvalidOperationException">It names none, or one that is no <see cref="IMakateaModule"/>.</exception>
    public static IServiceCollection AddModules(this IServiceCollection services, Assembly assembly)
    {
        MakateaModuleAttribute[] modules = [.. assembly.GetCustomAttributes<MakateaModuleAttribute>()];
        if (modules.Length == 0)
        {
            throw new InvalidOperationException(
                $"{assembly.GetName().Name} exports no module; it needs [assembly: MakateaModule(typeof(...))] with a class that implements {nameof(IMakateaModule)}");
        }

        foreach (MakateaModuleAttribute attribute in modules)
        {
            if (Activator.CreateInstance(attribute.Module) is not IMakateaModule module)
            {
                throw new InvalidOperationException($"{attribute.Module} is named as a module but does not implement {nameof(IMakateaModule)}");
            }

            module.Configure(services);
        }

        return services;
    }

    /// <summary>Registers a backend under the name by which manifests and system files refer to it.</summary>
    public static IServiceCollection AddVirtioBackend<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] T>(
        this IServiceCollection services, string name)
        where T : class, IVirtioBackend => services.AddKeyedSingleton<IVirtioBackend, T>(name);
}

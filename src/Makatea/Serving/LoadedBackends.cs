using Makatea.Domains.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Makatea.Serving;

/// <summary>The backends of components on Linux, which may ask for loggers of Microsoft.Extensions.Logging.</summary>
internal static class LoadedBackends
{
    public static BackendTable Create(BackendServices services, ILoggerFactory logs) =>
        ModuleBackends.Create(services, configure: all => all.AddSingleton(logs).AddSingleton(typeof(ILogger<>), typeof(Logger<>)));
}

using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>What a queue's controller and namespace do, as its data path asks for it.</summary>
internal readonly record struct NvmeCapabilities
{
    internal bool CanDeallocate { get; private init; }

    internal bool CanWriteZeroes { get; private init; }

    internal bool CanCompare { get; private init; }

    internal bool CanDeallocateZeroes { get; private init; }

    internal bool HasVolatileCache { get; private init; }

    internal static NvmeCapabilities Of(NvmeController controller, NamespaceGeometry geometry) => new()
    {
        CanDeallocate = controller.Identity.SupportsDeallocate,
        CanWriteZeroes = controller.Identity.SupportsWriteZeroes,
        CanCompare = controller.Identity.SupportsCompare,
        CanDeallocateZeroes = geometry.CanDeallocateZeroes,
        HasVolatileCache = controller.Identity.HasVolatileCache,
    };

    /// <summary>The command for an operation.</summary>
    /// <returns><see cref="BlockStatus.Ok"/>, or <see cref="BlockStatus.Unsupported"/> where there is none.</returns>
    internal BlockStatus Check(BlockOperation operation, out NvmOpcode opcode)
    {
        bool isSupported = true;
        switch (operation)
        {
            case BlockOperation.Read:
                opcode = NvmOpcode.Read;
                break;
            case BlockOperation.Write:
                opcode = NvmOpcode.Write;
                break;
            case BlockOperation.Flush:
                opcode = NvmOpcode.Flush;
                break;
            case BlockOperation.Discard:
                opcode = NvmOpcode.DatasetManagement;
                isSupported = CanDeallocate;
                break;
            case BlockOperation.WriteZeroes or BlockOperation.WriteZeroesUnmap:
                opcode = NvmOpcode.WriteZeroes;
                isSupported = CanWriteZeroes;
                break;
            default:
                opcode = default;
                isSupported = false;
                break;
        }

        return isSupported ? BlockStatus.Ok : BlockStatus.Unsupported;
    }
}

// swift-tools-version: 6.1
import PackageDescription

// Most tests gain less from being optimized than that takes; what they test is.
let unoptimized = [SwiftSetting.unsafeFlags(["-Onone"])]

let package = Package(
  name: "distill-ddp",
  products: [.executable(name: "distill-ddp", targets: ["distill-ddp"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // MARK: C
    .target(name: "CMPI"),
    .target(name: "CKernels"),
    .target(name: "COpenBLAS"),
    .target(name: "CCurl"),
    .target(name: "CZstd"),

    // MARK: Libraries, each depending only on those above it
    .target(name: "Limits"),
    .target(name: "JSON"),
    .target(name: "Archives", dependencies: ["CZstd"]),
    .target(name: "Columnar", dependencies: ["JSON", "Archives", "Limits"]),
    .target(name: "Images", dependencies: ["Archives"]),
    .target(name: "ProtocolBuffers"),
    .target(name: "TensorBoard", dependencies: ["ProtocolBuffers"]),
    .target(name: "Kernels", dependencies: ["CKernels", "COpenBLAS", "Limits"]),
    .target(name: "Checkpoints", dependencies: ["JSON", "Archives", "Kernels"]),
    .target(name: "Hub", dependencies: ["CCurl", "JSON", "Kernels", "Checkpoints"]),
    .target(name: "Text", dependencies: ["JSON", "Archives", "Columnar", "Limits", "Kernels"]),
    .target(name: "ONNX", dependencies: ["ProtocolBuffers", "Checkpoints"]),
    .target(name: "Encoders", dependencies: ["JSON", "Kernels", "Checkpoints", "Text", "ONNX"]),
    .target(name: "Distillation", dependencies: ["JSON", "Kernels", "Checkpoints", "Text", "Encoders"]),
    .target(name: "Collectives", dependencies: ["Limits"]),
    .target(name: "MPICollectives", dependencies: ["CMPI", "Collectives"]),
    .target(
      name: "Training",
      dependencies: [
        "Limits", "JSON", "Kernels", "Checkpoints", "Hub", "Text", "ONNX", "Encoders", "Distillation", "Collectives",
        "TensorBoard",
        "Images",
        .product(name: "Yams", package: "Yams"),
      ]),
    .target(
      name: "Reports",
      dependencies: ["JSON", "Images", "Checkpoints", "Hub", "Text", "Encoders", "Training"]),

    // MARK: Command line
    .executableTarget(
      name: "distill-ddp",
      dependencies: [
        "Training", "Reports", "MPICollectives", "Collectives", "Distillation", "Checkpoints", "Encoders", "Kernels",
        "JSON",
        "Archives", "Hub", "Limits", "Text",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      // A link to configs/, so that `config init` writes what is shipped.
      resources: [.embedInCode("Templates")]),

    // MARK: Tests
    // Feeds hostile input to every parser; `launch/fuzz.sh` runs it. Not part of the product.
    .executableTarget(
      name: "FuzzParsers",
      dependencies: ["JSON", "Columnar", "Kernels", "Checkpoints", "Text", "Encoders", "Distillation", "Training"],
      path: "Tests/FuzzParsers"),
    .testTarget(name: "JSONTests", dependencies: ["JSON"]),
    .testTarget(name: "ArchivesTests", dependencies: ["Archives"], exclude: ["Fixtures"]),
    .testTarget(name: "ColumnarTests", dependencies: ["Columnar", "JSON"], exclude: ["Fixtures"]),
    .testTarget(name: "KernelsTests", dependencies: ["Kernels", "COpenBLAS"]),
    .testTarget(
      name: "CheckpointsTests", dependencies: ["JSON", "Archives", "Kernels", "Checkpoints"],
      exclude: ["Fixtures", "PyTorchFixtures"], swiftSettings: unoptimized),
    .testTarget(
      name: "HubTests", dependencies: ["Hub", "JSON"], exclude: ["hub_server.py"], swiftSettings: unoptimized),
    .testTarget(
      name: "TextTests", dependencies: ["JSON", "Text"], exclude: ["Fixtures"], swiftSettings: unoptimized),
    .target(
      name: "GoldenFixtures", dependencies: ["Checkpoints", "Distillation", "Encoders", "JSON", "Kernels", "Text"],
      path: "Tests/GoldenFixtures"),
    .testTarget(name: "ONNXTests", dependencies: ["ONNX"]),
    .testTarget(
      name: "EncodersTests",
      dependencies: ["JSON", "Kernels", "Checkpoints", "Text", "Encoders", "Distillation", "GoldenFixtures"],
      swiftSettings: unoptimized),
    .testTarget(
      name: "DistillationTests",
      dependencies: ["JSON", "Kernels", "Text", "Encoders", "Distillation", "GoldenFixtures"],
      swiftSettings: unoptimized),
    .testTarget(name: "CollectivesTests", dependencies: ["Collectives", "Limits"]),
    .testTarget(name: "LimitsTests", dependencies: ["Limits"]),
    .testTarget(
      name: "TrainingTests",
      dependencies: [
        "Limits", "JSON", "Kernels", "Checkpoints", "Hub", "Text", "Encoders", "Distillation", "Collectives",
        "Training", "GoldenFixtures",
      ], swiftSettings: unoptimized),
    .testTarget(name: "TensorBoardTests", dependencies: ["TensorBoard", "JSON"], exclude: ["Fixtures"]),
    .testTarget(name: "ImagesTests", dependencies: ["Images", "Archives"]),
    .testTarget(
      name: "ReportsTests", dependencies: ["Reports", "JSON"], swiftSettings: unoptimized),
    .testTarget(
      name: "LaunchTests", dependencies: ["Training", .product(name: "Yams", package: "Yams")],
      swiftSettings: unoptimized),
    .testTarget(
      name: "CommandLineTests", dependencies: ["distill-ddp", "Checkpoints", "JSON"], swiftSettings: unoptimized),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .gnu11
)

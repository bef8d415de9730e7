/// What other tools call things: keys that people bring along from Hugging Face's `TrainingArguments`, its scripts and
/// TextBrewer.
enum OtherToolsKeys {
  /// What to write in place of another tool's key, after "; ".
  static func remedy(for key: String) -> String? { remedies[key.lowercased()] }

  private static let global = "which counts all ranks: there is no accumulation of gradients to set"
  private static let epochs = "write training.epochs, or epochs in a stage that has its own"
  private static let precision =
    "write training.precision: bfloat16; for gradients on their way, training.wirePrecision"

  private static let remedies: [String: String] = [
    "num_train_epochs": epochs, "num_epochs": epochs, "n_epochs": epochs, "max_epochs": epochs, "nb_epochs": epochs,
    "max_steps": "write training.maxSteps",
    "per_device_train_batch_size": "write training.batchSize, \(global)",
    "per_gpu_train_batch_size": "write training.batchSize, \(global)",
    "train_batch_size": "write training.batchSize, \(global)",
    "gradient_accumulation_steps": "write training.batchSize, \(global)",
    "per_device_eval_batch_size": "leave it out: validation cuts its batches itself",
    "eval_batch_size": "leave it out: validation cuts its batches itself",
    "learning_rate": "write training.learningRate", "lr": "write training.learningRate",
    "early_stopping_patience": "write training.earlyStopping.patience, in validations",
    "layerwise_lr_decay": "write training.layerDecay", "llrd": "write training.layerDecay",
    "layer_decay": "write training.layerDecay",
    "warmup_ratio": "write training.schedule.warmup, a share of the steps below 1",
    "warmup_steps": "write training.schedule.warmup, a whole number of steps",
    "warmup_proportion": "write training.schedule.warmup, a share of the steps below 1",
    "lr_scheduler_type": "write training.schedule.kind", "lr_scheduler": "write training.schedule.kind",
    "scheduler": "write training.schedule.kind",
    "optim": "write training.optimizer.kind", "weight_decay": "write training.optimizer.weightDecay",
    "adam_epsilon": "write training.optimizer.eps", "adam_beta1": "write training.optimizer.betas, [beta1, beta2]",
    "adam_beta2": "write training.optimizer.betas, [beta1, beta2]",
    "max_grad_norm": "write training.maxGradientNorm", "gradient_clip_val": "write training.maxGradientNorm",
    "clip_grad_norm": "write training.maxGradientNorm",
    "label_smoothing_factor": "write task.labelSmoothing", "label_smoothing": "write task.labelSmoothing",
    "group_by_length": "leave it out: batches are not padded, so nothing is gained", "precision": precision,
    "accumulate_grad_batches": "write training.batchSize, \(global)",
    "val_check_interval": "write training.validateEverySteps",
    "check_val_every_n_epoch": "leave it out: each epoch is validated",
    "devices": "start as many ranks: mpirun -np N", "accelerator": "leave it out: there are processors only",
    "default_root_dir": "write run.directory", "dataloader_drop_last": "write training.dropLast",
    "fp16": precision, "bf16": precision, "no_cuda": "leave it out: there are processors only",
    "use_cpu": "leave it out: there are processors only", "device": "leave it out: there are processors only",
    "seed": "write run.seed", "data_seed": "write run.seed", "output_dir": "write run.directory",
    "overwrite_output_dir": "write run.overwrite", "logging_steps": "leave it out: every step is logged",
    "logging_dir": "leave it out: TensorBoard's files go to run.directory", "report_to": "write run.tensorboard",
    "eval_steps": "write training.validateEverySteps", "eval_strategy": "write training.validateEverySteps",
    "evaluation_strategy": "write training.validateEverySteps", "save_strategy": "write training.validateEverySteps",
    "save_steps": "write training.validateEverySteps for models, run.saveStateEverySteps for states to resume from",
    "save_total_limit": "write stages.N.checkpoint.saveTopK", "resume_from_checkpoint": "write run.resume",
    "load_best_model_at_end": "leave it out: the best model is always kept, as best",
    "metric_for_best_model": "write stages.N.checkpoint.monitor",
    "greater_is_better": "leave it out: each metric knows its direction; stages.N.checkpoint.mode sets another",
    "dataloader_num_workers": "write run.threads", "max_seq_length": "write data.maxLength",
    "max_length": "write data.maxLength", "max_seq_len": "write data.maxLength",
    "model_name_or_path": "write student.model", "model_name": "write student.model",
    "teacher_model": "write teacher.model", "teacher_name_or_path": "write teacher.model",
    "student_model": "write student.model", "tokenizer_name": "write student.tokenizer",
    "train_file": "write data.train", "validation_file": "write data.validation",
    "test_file": "write data.test", "dataset_name": "write data.format",
    "text_column_name": "write data.train.textColumn", "label_column_name": "write data.train.labelColumn",
    "num_labels": "write task.labels, a list of names", "label_names": "write task.labels",
    "id2label": "write task.labels, a list in the order of the ids", "classes": "write task.labels",
    "alpha": "write stages.N.labelWeight and the adaptors' weight", "alpha_ce": "write the weight of an adaptor",
    "temperature": "write it below an adaptor, as in {LogitMSE: {temperature: 2}}",
    "hard_label_weight": "write stages.N.labelWeight", "kd_loss_weight": "write the weight of an adaptor",
    "kd_loss_type": "write an adaptor, LogitCE or LogitMSE", "intermediate_matches": "write stages.N.adaptors",
  ]
}

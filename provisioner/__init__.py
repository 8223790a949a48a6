"""What Terraform is to infrastructure, for WeData data-integration tasks."""

__version__ = "0.1.0"
